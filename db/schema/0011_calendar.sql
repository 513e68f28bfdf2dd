-- What the law leaves open about days: yearly decisions on holidays, school terms,
-- markets. Package calendar knows the rest by arithmetic.

-- +goose Up

CREATE TABLE calendar_day (
	path  TEXT NOT NULL,                     -- the place it holds for, with all below it
	day   TEXT NOT NULL,                     -- 2026-11-23
	kind  TEXT NOT NULL CHECK (kind IN ('holiday', 'off', 'working')),
	name  TEXT NOT NULL,                     -- tet, national, or the words of the decision
	basis TEXT NOT NULL,                     -- number and date of the paper
	PRIMARY KEY (path, day)
);

CREATE TABLE school_term (
	id    TEXT NOT NULL PRIMARY KEY,
	path  TEXT NOT NULL,
	name  TEXT NOT NULL,
	first TEXT NOT NULL,                     -- 2026-09-05
	last  TEXT NOT NULL,
	week  TEXT NOT NULL                      -- days of the week with school: 12345
);

CREATE INDEX school_term_path ON school_term (path, first);

CREATE TABLE market (
	id       TEXT NOT NULL PRIMARY KEY,
	path     TEXT NOT NULL,                  -- the commune it is held in
	name     TEXT NOT NULL,
	calendar TEXT NOT NULL CHECK (calendar IN ('lunar', 'solar', 'week')),
	days     TEXT NOT NULL                   -- 2,7,12,17,22,27
);

CREATE INDEX market_path ON market (path);

-- The documents of a place as they were at a moment: the evidence of a playback.
CREATE INDEX document_place ON document (path, type, made_at);
