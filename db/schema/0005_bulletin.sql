-- The outward line: bulletins, approvals, sessions, slots, dispatches, playbacks.

-- +goose Up

CREATE TABLE bulletin (
	id           TEXT   NOT NULL PRIMARY KEY,
	path         TEXT   NOT NULL,             -- the unit that speaks
	author       TEXT   NOT NULL,             -- person id
	author_name  TEXT   NOT NULL,
	state        TEXT   NOT NULL,
	class        TEXT   NOT NULL,             -- normal, priority
	title        TEXT   NOT NULL,
	title_fold   TEXT   NOT NULL,             -- folded title and text, searched
	text         TEXT   NOT NULL,             -- as written
	spoken       TEXT   NOT NULL,             -- as read out
	scope        TEXT   NOT NULL,             -- paths, one a line
	accent       TEXT   NOT NULL,             -- north, central, south
	from_ms      BIGINT NOT NULL,
	until_ms     BIGINT NOT NULL,
	plays_day    BIGINT NOT NULL,
	plays        BIGINT NOT NULL,
	repeat_count BIGINT NOT NULL,             -- further readings in a slot
	media        TEXT   NOT NULL DEFAULT '',  -- hash of the canonical sound
	media_bytes  BIGINT NOT NULL DEFAULT 0,
	media_ms     BIGINT NOT NULL DEFAULT 0,
	loudness     TEXT   NOT NULL DEFAULT '',  -- before and after, for the page
	payload      BYTEA,                       -- the warrant's bytes, fixed when approval is asked for
	warrant      TEXT   NOT NULL DEFAULT '',  -- hash of the sealed warrant
	stop_payload BYTEA,                       -- a stop waiting for approval
	note         TEXT   NOT NULL DEFAULT '',  -- why it was returned, cancelled or stopped
	made_at      BIGINT NOT NULL,
	changed_at   BIGINT NOT NULL
);
CREATE INDEX bulletin_path ON bulletin (path, id);
CREATE INDEX bulletin_state ON bulletin (state, until_ms);
CREATE INDEX bulletin_warrant ON bulletin (warrant);

-- Who has heard the sound or read the spoken text to its end, of which bytes.
CREATE TABLE hearing (
	bulletin_id  TEXT   NOT NULL REFERENCES bulletin (id),
	person       TEXT   NOT NULL,
	payload_hash TEXT   NOT NULL,
	how          TEXT   NOT NULL,             -- heard, read
	at           BIGINT NOT NULL,
	PRIMARY KEY (bulletin_id, person, payload_hash)
);

-- Approvals are evidence: rows are never deleted.
CREATE TABLE approval (
	id           TEXT   NOT NULL PRIMARY KEY,
	bulletin_id  TEXT   NOT NULL REFERENCES bulletin (id),
	person       TEXT   NOT NULL,
	name         TEXT   NOT NULL,
	post         TEXT   NOT NULL,
	payload_hash TEXT   NOT NULL,
	assertion    TEXT   NOT NULL,             -- JSON of the WebAuthn assertion
	refused      TEXT   NOT NULL DEFAULT '',  -- why the signer did not believe it
	at           BIGINT NOT NULL
);
CREATE INDEX approval_bulletin ON approval (bulletin_id);

-- The standing sessions of a station, from its regulation.
CREATE TABLE session_frame (
	path       TEXT   NOT NULL,               -- commune
	part       TEXT   NOT NULL,               -- morning, afternoon
	name       TEXT   NOT NULL,
	from_min   BIGINT NOT NULL,               -- minutes after midnight, UTC+7
	until_min  BIGINT NOT NULL,
	days       TEXT   NOT NULL,               -- "123456": Monday is 1
	PRIMARY KEY (path, part)
);

CREATE TABLE slot (
	id           TEXT   NOT NULL PRIMARY KEY,
	bulletin_id  TEXT   NOT NULL REFERENCES bulletin (id),
	commune      TEXT   NOT NULL,
	session      TEXT   NOT NULL,             -- "2026-11-23/morning", or "2026-11-23/now"
	priority     BIGINT NOT NULL,             -- 1 stands before 0
	position     BIGINT NOT NULL,
	start_ms     BIGINT NOT NULL,
	ms           BIGINT NOT NULL,             -- with its repeats
	cancelled_at BIGINT
);
CREATE INDEX slot_commune ON slot (commune, start_ms);
CREATE INDEX slot_bulletin ON slot (bulletin_id);

-- One row a dispatch: the warrant, the plan and whom it meant.
CREATE TABLE dispatch (
	id          TEXT   NOT NULL PRIMARY KEY,
	bulletin_id TEXT   NOT NULL REFERENCES bulletin (id),
	warrant     TEXT   NOT NULL,
	plans       TEXT   NOT NULL,              -- "path version", one a line
	meant       TEXT   NOT NULL,              -- box ids, one a line
	at          BIGINT NOT NULL
);
CREATE INDEX dispatch_bulletin ON dispatch (bulletin_id);

-- What sounded, line by line as each box sealed it.
CREATE TABLE playback (
	box_id      TEXT   NOT NULL,
	n           BIGINT NOT NULL,
	slot        TEXT   NOT NULL,
	warrant     TEXT   NOT NULL,
	bulletin_id TEXT   NOT NULL,              -- '' if the warrant is unknown here
	planned     BIGINT NOT NULL,
	started     BIGINT NOT NULL,
	ms          BIGINT NOT NULL,
	skew_us     BIGINT NOT NULL,
	volume      BIGINT NOT NULL,
	result      TEXT   NOT NULL,
	why         TEXT   NOT NULL,
	clock       TEXT   NOT NULL,
	verified    BIGINT NOT NULL,
	degree      TEXT   NOT NULL,              -- A: the box verified and played
	received_at BIGINT NOT NULL,
	PRIMARY KEY (box_id, n)
);
CREATE INDEX playback_bulletin ON playback (bulletin_id);
CREATE INDEX playback_planned ON playback (planned);
