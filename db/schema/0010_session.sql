-- Sessions widened: mutes of poles, the regulation of a station, standing
-- programmes, the running order of a day, and what people decided in it.

-- +goose Up

-- A pole kept silent for a while (tạm ngưng). Rows stay as evidence: a muted
-- hour counts in no figure of what ought to have been heard.
CREATE TABLE mute (
	id       TEXT   NOT NULL PRIMARY KEY,
	commune  TEXT   NOT NULL,
	pole     TEXT   NOT NULL,                -- public code
	from_ms  BIGINT NOT NULL,
	until_ms BIGINT NOT NULL,                -- ends earlier if somebody ends it
	reason   TEXT   NOT NULL,
	who      TEXT   NOT NULL,                -- person id
	who_name TEXT   NOT NULL,
	made_at  BIGINT NOT NULL
);
CREATE INDEX mute_commune ON mute (commune, until_ms);

-- The station's regulation (Quy chế hoạt động của Đài), one row a version. The
-- hours themselves are the sealed policy; this is the paper behind it.
CREATE TABLE regulation (
	id           TEXT   NOT NULL PRIMARY KEY,
	path         TEXT   NOT NULL,            -- commune
	number       TEXT   NOT NULL,            -- "31/QĐ-UBND"
	basis        TEXT   NOT NULL,            -- legal basis
	hours        TEXT   NOT NULL,            -- "123456 330 375", one a line: weekdays, minutes after midnight
	minutes      BIGINT NOT NULL,            -- at most, a session
	sessions     BIGINT NOT NULL,            -- at most, a day
	night_from   BIGINT NOT NULL,            -- minutes after midnight, equal to night_until for none
	night_until  BIGINT NOT NULL,
	night_volume BIGINT NOT NULL,            -- percent
	override     TEXT   NOT NULL DEFAULT '', -- why what the linter found was set all the same
	from_ms      BIGINT NOT NULL,            -- in force from
	until_ms     BIGINT NOT NULL,            -- and before; 0 for no end
	who          TEXT   NOT NULL,            -- person id
	who_name     TEXT   NOT NULL,
	made_at      BIGINT NOT NULL
);
CREATE INDEX regulation_path ON regulation (path, from_ms);

-- The narrower hours of a pole at a school, a hospital, a pagoda; sealed into its
-- placement.
CREATE TABLE sensitive (
	pole    TEXT   NOT NULL PRIMARY KEY,     -- public code
	commune TEXT   NOT NULL,
	from_min  BIGINT NOT NULL,               -- minutes after midnight; equal to until_min for none
	until_min BIGINT NOT NULL
);

-- The days of package calendar, "123456 -holiday +full"; '' for the weekdays alone.
ALTER TABLE session_frame ADD COLUMN day_set TEXT NOT NULL DEFAULT '';

-- One item of a standing programme (khung chương trình), in its order.
CREATE TABLE standing (
	path        TEXT   NOT NULL,             -- commune
	part        TEXT   NOT NULL,
	position    BIGINT NOT NULL,
	kind        TEXT   NOT NULL,             -- tune, greeting, bulletins, music, goodbye, silence; chime
	bulletin_id TEXT   NOT NULL DEFAULT '',  -- of the library: tune, greeting, music, goodbye
	seconds     BIGINT NOT NULL DEFAULT 0,   -- silence
	PRIMARY KEY (path, part, position)
);

-- Where a station may relay from (tiếp sóng): the allow-list.
CREATE TABLE relay_source (
	id         TEXT   NOT NULL PRIMARY KEY,
	path       TEXT   NOT NULL,              -- whose list: a commune's or its province's
	name       TEXT   NOT NULL,              -- "Đài tỉnh Lam Xuyên"
	address    TEXT   NOT NULL,              -- how it comes in, for people
	removed_at BIGINT
);

-- When and how long a session relays. It holds once a second person confirmed it.
CREATE TABLE relay (
	id             TEXT   NOT NULL PRIMARY KEY,
	path           TEXT   NOT NULL,          -- commune
	part           TEXT   NOT NULL,
	source_id      TEXT   NOT NULL,
	at_min         BIGINT NOT NULL,          -- begins, minutes after midnight
	minutes        BIGINT NOT NULL,          -- 0: no relay from now on
	proposed_by    TEXT   NOT NULL,          -- person id
	proposed_name  TEXT   NOT NULL,
	proposed_at    BIGINT NOT NULL,
	confirmed_by   TEXT   NOT NULL DEFAULT '',
	confirmed_name TEXT   NOT NULL DEFAULT '',
	confirmed_at   BIGINT NOT NULL DEFAULT 0,
	ended_at       BIGINT NOT NULL DEFAULT 0 -- replaced or withdrawn
);
CREATE INDEX relay_path ON relay (path, part);

ALTER TABLE slot ADD COLUMN kind TEXT NOT NULL DEFAULT 'bulletins'; -- or the standing item it is
ALTER TABLE slot ADD COLUMN chime BIGINT NOT NULL DEFAULT 0;        -- 1: a chime before it
ALTER TABLE slot ADD COLUMN repeats BIGINT NOT NULL DEFAULT -1;     -- further readings here, -1 as the bulletin says
ALTER TABLE slot ADD COLUMN poles TEXT NOT NULL DEFAULT '';         -- public codes, one a line: these poles only
ALTER TABLE slot ADD COLUMN out BIGINT NOT NULL DEFAULT 0;          -- 1: fell out of its session, which is too long

-- What people decided about one session of one day.
CREATE TABLE session_day (
	commune  TEXT   NOT NULL,
	session  TEXT   NOT NULL,                -- "2026-11-23/morning"
	no_music BIGINT NOT NULL DEFAULT 0,      -- 1: without music this once
	first    TEXT   NOT NULL DEFAULT '',     -- slot of the priority bulletin that goes first, chosen in a clash
	decided_by   TEXT NOT NULL DEFAULT '',   -- person id; 'system' when nobody chose in time
	decided_name TEXT NOT NULL DEFAULT '',
	decided_at BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (commune, session)
);

-- A wanted session a bulletin did not get, and why. Shown until somebody saw it.
CREATE TABLE unplaced (
	bulletin_id TEXT   NOT NULL REFERENCES bulletin (id),
	commune     TEXT   NOT NULL,
	session     TEXT   NOT NULL,
	why         TEXT   NOT NULL,             -- key of the reason
	at          BIGINT NOT NULL,
	seen_at     BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (bulletin_id, commune, session)
);
CREATE INDEX unplaced_commune ON unplaced (commune, at);
