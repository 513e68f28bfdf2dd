-- What the levels above offer a commune's station, and what it answered.

-- +goose Up

-- +goose StatementBegin
CREATE TABLE inbox (
	bulletin_id TEXT   NOT NULL REFERENCES bulletin (id),
	commune     TEXT   NOT NULL,              -- path
	answer      TEXT   NOT NULL CHECK (answer IN ('offered', 'taken', 'left')),
	by_name     TEXT   NOT NULL DEFAULT '',   -- who answered, '' for the program
	why         TEXT   NOT NULL DEFAULT '',   -- a person's reason for leaving it, or the key of why a priority bulletin has no place
	offered_at  BIGINT NOT NULL,
	answered_at BIGINT NOT NULL DEFAULT 0,    -- the last answer, or the last try to place it
	PRIMARY KEY (bulletin_id, commune)
);
-- +goose StatementEnd
CREATE INDEX inbox_commune ON inbox (commune, answer, offered_at);
