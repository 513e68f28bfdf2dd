-- The book: every change, written in the transaction that made it.
-- PostgreSQL has its own text of this file because it counts positions otherwise.

-- +goose Up

CREATE TABLE journal (
	id         TEXT   NOT NULL PRIMARY KEY,
	at         BIGINT NOT NULL,              -- milliseconds since 1970
	actor      TEXT   NOT NULL,              -- person id, or 'system'
	actor_name TEXT   NOT NULL,              -- as it was on that day
	verb       TEXT   NOT NULL,              -- noun.verb, e.g. bulletin.approved
	path       TEXT   NOT NULL,              -- the place it concerns, '' for the whole node
	subject    TEXT   NOT NULL,              -- id of the noun it concerns
	data       TEXT   NOT NULL               -- JSON, written once, never queried into
);

CREATE INDEX journal_path ON journal (path, id);
CREATE INDEX journal_verb ON journal (verb, id);
CREATE INDEX journal_subject ON journal (subject, id);

-- What a journal row lets out of the house, and whether it has left.
CREATE TABLE outbox (
	position      INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of writing
	id            TEXT   NOT NULL UNIQUE,            -- '<journal id>.<n>'
	journal_id    TEXT   NOT NULL REFERENCES journal (id),
	topic         TEXT   NOT NULL,
	body          BYTEA  NOT NULL,
	claimed_by    TEXT   NOT NULL DEFAULT '',        -- the process that speaks it, or spoke it
	claimed_until BIGINT NOT NULL DEFAULT 0,         -- when another may take it over
	sent_at       BIGINT                             -- NULL: not yet
);

CREATE INDEX outbox_unsent ON outbox (position) WHERE sent_at IS NULL;
CREATE INDEX outbox_journal ON outbox (journal_id);
