-- Uploads: recordings and files on their way in. Their pieces are files in the
-- shared folder; a row changes at the start and at the end only.

-- +goose Up

CREATE TABLE upload (
	id            TEXT   NOT NULL PRIMARY KEY,
	person        TEXT   NOT NULL,             -- who sends it; nobody else sees it
	path          TEXT   NOT NULL,             -- the unit it is meant for
	name          TEXT   NOT NULL,             -- the file's own name, for the page
	origin        TEXT   NOT NULL,             -- recorded: in the page; file: chosen or shared
	bytes         BIGINT NOT NULL,             -- announced; -1 while a recording runs
	state         TEXT   NOT NULL,             -- open, kept, refused
	claimed_until BIGINT NOT NULL DEFAULT 0,   -- a process works at its end till then
	source        TEXT   NOT NULL DEFAULT '',  -- hash of the bytes as they came
	media         TEXT   NOT NULL DEFAULT '',  -- hash of the canonical sound
	media_bytes   BIGINT NOT NULL DEFAULT 0,
	media_ms      BIGINT NOT NULL DEFAULT 0,
	loud_before   BIGINT NOT NULL DEFAULT 0,   -- hundredths of LUFS, of the source
	loud_after    BIGINT NOT NULL DEFAULT 0,   -- and of the canonical sound
	rasps_ms      BIGINT NOT NULL DEFAULT -1,  -- where it is clipped, though not enough to be refused; -1 nowhere
	text          TEXT   NOT NULL DEFAULT '',  -- of a document
	refused       TEXT   NOT NULL DEFAULT '',  -- key of the sentence
	refused_args  TEXT   NOT NULL DEFAULT '[]',
	made_at       BIGINT NOT NULL,
	ended_at      BIGINT,
	taken_at      BIGINT                       -- a bulletin uses it; NULL: forgotten after a day
);
CREATE INDEX upload_person ON upload (person, made_at);
CREATE INDEX upload_waiting ON upload (made_at) WHERE taken_at IS NULL;
