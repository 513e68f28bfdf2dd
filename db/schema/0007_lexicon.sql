-- How a place reads its own words, and which engine spoke a bulletin.

-- +goose Up

-- A word is never changed in place: the row that held is removed and another
-- stands beside it, so that last year's reading can still be explained.
-- +goose StatementBegin
CREATE TABLE lexicon (
	id           TEXT   NOT NULL PRIMARY KEY,
	path         TEXT   NOT NULL REFERENCES unit (path), -- whose word it is; places below read it too
	written      TEXT   NOT NULL,                        -- NFC, found with regard to case
	written_sort TEXT   NOT NULL,                        -- lang.SortKey(written): ordered by
	spoken       TEXT   NOT NULL,                        -- NFC, said as it is
	who          TEXT   NOT NULL,                        -- person id
	who_name     TEXT   NOT NULL,
	at           BIGINT NOT NULL,                        -- milliseconds since 1970
	removed_at   BIGINT                                  -- NULL: it holds
);
-- +goose StatementEnd

CREATE UNIQUE INDEX lexicon_word ON lexicon (path, written) WHERE removed_at IS NULL;

-- The engine, and its voice, that spoke the sound people approve; '' before.
ALTER TABLE bulletin ADD COLUMN spoken_by TEXT NOT NULL DEFAULT '';
