-- Programs for boxes: the sealed releases this node knows, how many boxes each is
-- offered to, and what the boxes say of them.

-- +goose Up

CREATE TABLE program_release (
	id        TEXT   NOT NULL PRIMARY KEY REFERENCES document (hash), -- hash of the sealed release
	path      TEXT   NOT NULL,               -- the place its keys may speak for: the province
	product   TEXT   NOT NULL,
	number    BIGINT NOT NULL,
	text      TEXT   NOT NULL,               -- as people say it, and as boxes say it in beats
	from_ms   BIGINT NOT NULL,
	until_ms  BIGINT NOT NULL,
	share     BIGINT NOT NULL DEFAULT 0 CHECK (share IN (0, 1, 10, 100)), -- percent of boxes; 0: nobody yet
	paused    BIGINT NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
	stage_at  BIGINT NOT NULL DEFAULT 0,     -- when the share became what it is
	at        BIGINT NOT NULL,
	UNIQUE (product, number),
	UNIQUE (product, text)
);

CREATE TABLE program_build (
	program TEXT   NOT NULL REFERENCES program_release (id),
	system  TEXT   NOT NULL,                 -- "linux/armv7"
	file    TEXT   NOT NULL,                 -- hash of the program, kept as a blob
	bytes   BIGINT NOT NULL,
	PRIMARY KEY (program, system)
);
CREATE INDEX program_build_file ON program_build (file);

-- What the last beat said of the release that was offered.
ALTER TABLE health ADD COLUMN offered      TEXT NOT NULL DEFAULT ''; -- hash of the release
ALTER TABLE health ADD COLUMN progress     TEXT NOT NULL DEFAULT ''; -- fetching, waiting, proving, returned, refused
ALTER TABLE health ADD COLUMN progress_why TEXT NOT NULL DEFAULT '';
