-- Administrative units, hamlets, former communes and zones, with validity dates.

-- +goose Up

-- +goose StatementBegin
CREATE TABLE unit (
	path       TEXT   NOT NULL PRIMARY KEY,  -- vn/01/00004, below it h/<id> and z/<id>
	code       TEXT   NOT NULL,              -- official code with its zeros, '' where there is none
	parent     TEXT   NOT NULL,              -- path, '' for the country
	level      TEXT   NOT NULL CHECK (level IN ('country', 'province', 'commune', 'hamlet', 'zone', 'former')),
	type       TEXT   NOT NULL,              -- tinh, thanh_pho, xa, phuong, dac_khu, thon, ...
	name       TEXT   NOT NULL,              -- NFC, without the word of its type
	name_fold  TEXT   NOT NULL,              -- lang.Fold(name): searched
	name_sort  TEXT   NOT NULL,              -- lang.SortKey(name): ordered by
	valid_from BIGINT NOT NULL,              -- milliseconds since 1970
	valid_to   BIGINT                        -- the first moment it is no more; NULL: it goes on
);
-- +goose StatementEnd

CREATE INDEX unit_parent ON unit (parent, name_sort);
-- A code is one unit in the whole country; a closed one is never given again, but stays with the unit that had it.
CREATE UNIQUE INDEX unit_code ON unit (level, code) WHERE valid_to IS NULL AND level IN ('province', 'commune');
-- "thôn 1" is one hamlet of its commune: two would hear each other's bulletins.
CREATE UNIQUE INDEX unit_sibling ON unit (parent, level, type, name) WHERE valid_to IS NULL AND level IN ('hamlet', 'former', 'zone');

-- What a unit was formed from, and codes by which others know it.
-- +goose StatementBegin
CREATE TABLE unit_predecessor (
	path             TEXT NOT NULL REFERENCES unit (path),
	predecessor_code TEXT NOT NULL,          -- '' where there was none
	predecessor_name TEXT NOT NULL,          -- with the word of its type: "thị trấn Ba Chẽ"
	name_fold        TEXT NOT NULL,          -- lang.Fold(predecessor_name): searched
	kind             TEXT NOT NULL CHECK (kind IN ('whole', 'part', 'listed', 'alias')),
	PRIMARY KEY (path, predecessor_code, predecessor_name)
);
-- +goose StatementEnd

CREATE INDEX unit_predecessor_code ON unit_predecessor (predecessor_code);

-- +goose StatementBegin
CREATE TABLE zone_member (
	zone   TEXT NOT NULL REFERENCES unit (path),
	member TEXT NOT NULL,                    -- path of a hamlet or former commune of the same commune
	PRIMARY KEY (zone, member)
);
-- +goose StatementEnd
