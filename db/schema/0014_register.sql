-- Registers as tables (imports of .xlsx), what is known of a pole, the members
-- of a zone, and the message after each session.

-- +goose Up

-- A file that somebody sent to a register: tried, applied, undone.
CREATE TABLE register_import (
	id        TEXT   NOT NULL PRIMARY KEY,
	register  TEXT   NOT NULL,               -- as in addresses: "poles", "hamlets", ...
	place     TEXT   NOT NULL,               -- path it was sent for
	file      TEXT   NOT NULL,               -- hash of the file, kept as a blob
	name      TEXT   NOT NULL,               -- what the file was called
	state     TEXT   NOT NULL CHECK (state IN ('checked', 'applied', 'undone')),
	by_person TEXT   NOT NULL,
	by_name   TEXT   NOT NULL,
	at        BIGINT NOT NULL,
	ended_at  BIGINT NOT NULL DEFAULT 0,     -- when it was applied, or undone
	summary   TEXT   NOT NULL                -- JSON: sums, and what is wrong row by row
);
CREATE INDEX register_import_place ON register_import (register, place);

-- What an applied import did to each row of its register, so that it can be undone.
CREATE TABLE register_import_row (
	import       TEXT   NOT NULL REFERENCES register_import (id),
	line         BIGINT NOT NULL,            -- of the file
	row_id       TEXT   NOT NULL,
	name         TEXT   NOT NULL,
	before_state TEXT   NOT NULL,            -- '': it was not there
	after_state  TEXT   NOT NULL,            -- '': it was taken away
	PRIMARY KEY (import, row_id)
);

-- What is known of a pole beside where it stands (TT 39/2020, CV 271/2025).
ALTER TABLE pole ADD COLUMN technology TEXT   NOT NULL DEFAULT 'ip';  -- ip, fm, wired, mixed
ALTER TABLE pole ADD COLUMN vendor     TEXT   NOT NULL DEFAULT '';
ALTER TABLE pole ADD COLUMN model      TEXT   NOT NULL DEFAULT '';
ALTER TABLE pole ADD COLUMN serial     TEXT   NOT NULL DEFAULT '';
ALTER TABLE pole ADD COLUMN iccid      TEXT   NOT NULL DEFAULT '';    -- of the SIM, 19 or 20 digits
ALTER TABLE pole ADD COLUMN carrier    TEXT   NOT NULL DEFAULT '';    -- whose SIM it is
ALTER TABLE pole ADD COLUMN horns      BIGINT NOT NULL DEFAULT 0;     -- 0: not known
ALTER TABLE pole ADD COLUMN watts      BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pole ADD COLUMN power      TEXT   NOT NULL DEFAULT '';    -- grid, solar, battery, grid_battery
ALTER TABLE pole ADD COLUMN owner      TEXT   NOT NULL DEFAULT '';
ALTER TABLE pole ADD COLUMN installed  TEXT   NOT NULL DEFAULT '';    -- 2024-05-01
ALTER TABLE pole ADD COLUMN sensitive  TEXT   NOT NULL DEFAULT '';    -- school, clinic, worship, elder: what is near
ALTER TABLE pole ADD COLUMN note       TEXT   NOT NULL DEFAULT '';
ALTER TABLE pole ADD COLUMN name_fold  TEXT   NOT NULL DEFAULT '';    -- name, code and serial folded: searched
ALTER TABLE pole ADD COLUMN name_sort  TEXT   NOT NULL DEFAULT '';
ALTER TABLE pole ADD COLUMN volumes    TEXT   NOT NULL DEFAULT '';    -- lower at times of day: "from until percent", one a line
ALTER TABLE pole ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;

-- 1: what was sealed for the box is no longer what the register says of its pole.
ALTER TABLE box ADD COLUMN stale BIGINT NOT NULL DEFAULT 0;

-- Poles that a zone takes in or leaves out beside its hamlets (zone_member).
CREATE TABLE zone_pole (
	zone  TEXT   NOT NULL REFERENCES unit (path),
	pole  TEXT   NOT NULL,                   -- public code
	minus BIGINT NOT NULL CHECK (minus IN (0, 1)),
	PRIMARY KEY (zone, pole)
);

-- One message after each session of a station: who played, who did not and why.
CREATE TABLE session_message (
	commune TEXT   NOT NULL,
	session TEXT   NOT NULL,                 -- "2026-11-23/afternoon"
	data    TEXT   NOT NULL,                 -- JSON: said in the reader's language each time
	at      BIGINT NOT NULL,
	PRIMARY KEY (commune, session)
);
CREATE INDEX session_message_at ON session_message (at);

-- The sealed receipt a line came in: evidence that can be checked again.
ALTER TABLE playback ADD COLUMN receipt TEXT NOT NULL DEFAULT ''; -- hash of its document, '' before this was kept
CREATE INDEX document_held ON document (type, path, made_at);         -- what held at a minute
