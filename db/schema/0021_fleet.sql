-- Many boxes at once: codes in batches, several placements under one touch, when a
-- box came and went, and how the boxes were, day by day.

-- +goose Up

ALTER TABLE box ADD COLUMN draft_hash TEXT   NOT NULL DEFAULT '';  -- of draft: what a batch names
ALTER TABLE box ADD COLUMN placed_at  BIGINT NOT NULL DEFAULT 0;   -- first confirmed; 0: before this was kept, or never
ALTER TABLE box ADD COLUMN revoked_at BIGINT NOT NULL DEFAULT 0;   -- taken away
CREATE INDEX box_draft ON box (draft_hash);

-- Enrolment codes made together for many poles and printed as slips. The codes
-- themselves stand nowhere: the node makes them again from its own key.
CREATE TABLE enrol_batch (
	id         TEXT   NOT NULL PRIMARY KEY,
	path       TEXT   NOT NULL,              -- the place they were made for
	made_by    TEXT   NOT NULL,
	made_name  TEXT   NOT NULL,
	made_at    BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	ended_at   BIGINT NOT NULL DEFAULT 0     -- taken back before its time
);
CREATE INDEX enrol_batch_path ON enrol_batch (path);
ALTER TABLE enrol_code ADD COLUMN batch TEXT NOT NULL DEFAULT '';  -- '': made alone
CREATE INDEX enrol_code_batch ON enrol_code (batch);

-- How the box of a pole was on one day: looked at every ten minutes, and how loud it
-- played by the lines it sealed. Never in the journal.
CREATE TABLE box_day (
	pole_id    TEXT   NOT NULL,
	day        TEXT   NOT NULL,              -- 2026-11-23, local
	looks      BIGINT NOT NULL,              -- how often it was looked at
	seen       BIGINT NOT NULL,              -- how often it was in contact then
	volume_min BIGINT NOT NULL,              -- percent; 0: it played nothing
	volume_max BIGINT NOT NULL,
	PRIMARY KEY (pole_id, day)
);
