-- The repair book: faults of poles. Their steps are rows of the journal.

-- +goose Up

CREATE TABLE fault (
	id         TEXT   NOT NULL PRIMARY KEY,
	pole_id    TEXT   NOT NULL REFERENCES pole (id),
	path       TEXT   NOT NULL,              -- of the pole when it was opened
	cause      TEXT   NOT NULL,              -- silent, output, clock, disk, quiet: seen by itself; horn, power, sim, pole, other
	state      TEXT   NOT NULL CHECK (state IN ('proposed', 'open', 'called', 'parts', 'done', 'dropped')),
	said       TEXT   NOT NULL,              -- what is wrong, in a person's words; '' where nobody said
	opened_by  TEXT   NOT NULL,              -- person id; 'system' where the boxes showed it
	opened_name TEXT  NOT NULL,
	opened_at  BIGINT NOT NULL,
	changed_at BIGINT NOT NULL,
	fixer      TEXT   NOT NULL DEFAULT '',   -- who is to come: a name, a firm, a telephone number
	due        TEXT   NOT NULL DEFAULT '',   -- 2026-11-27, when
	supplier   TEXT   NOT NULL DEFAULT '',   -- of the device or of the SIM
	parts      TEXT   NOT NULL DEFAULT '',   -- what was put in
	cost       BIGINT NOT NULL DEFAULT 0,    -- đồng
	remedy     TEXT   NOT NULL DEFAULT '',   -- what was done, or why it was dropped
	ended_at   BIGINT NOT NULL DEFAULT 0     -- done or dropped
);
CREATE INDEX fault_pole ON fault (pole_id, state);
CREATE INDEX fault_path ON fault (path, state);
CREATE INDEX fault_opened ON fault (opened_at);

ALTER TABLE pole ADD COLUMN sim_until TEXT NOT NULL DEFAULT '';  -- 2027-01-31: until when the SIM's fee is paid
