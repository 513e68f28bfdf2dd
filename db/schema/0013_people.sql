-- People without a shell: how they are reached, who stands in and who takes
-- over, a lost phone, and the province's own sign-in.

-- +goose Up

ALTER TABLE person ADD COLUMN name_fold TEXT NOT NULL DEFAULT '';  -- lang.Fold(name): found by
ALTER TABLE person ADD COLUMN email TEXT NOT NULL DEFAULT '';      -- lower case, '' for none
ALTER TABLE person ADD COLUMN phone TEXT NOT NULL DEFAULT '';      -- digits, '' for none
ALTER TABLE person ADD COLUMN signed_in_at BIGINT;                 -- the last time; NULL: never
ALTER TABLE person ADD COLUMN cooling_until BIGINT;                -- after a recovery: no emergencies, no people, until then

-- The province's sign-in finds a person by it, so two may not share one.
CREATE UNIQUE INDEX person_email ON person (email) WHERE email <> '' AND disabled_at IS NULL;

ALTER TABLE holder ADD COLUMN decision TEXT NOT NULL DEFAULT '';   -- number of the decision that gave or lent the post

-- A post that goes from one person to the next; what the first one wrote and
-- did not finish goes with it on the day.
CREATE TABLE handover (
	id         TEXT   NOT NULL PRIMARY KEY,
	post       TEXT   NOT NULL REFERENCES post (id),
	giver      TEXT   NOT NULL REFERENCES person (id),
	taker      TEXT   NOT NULL REFERENCES person (id),
	at         BIGINT NOT NULL,
	decision   TEXT   NOT NULL DEFAULT '',
	by_person  TEXT   NOT NULL,
	by_name    TEXT   NOT NULL,
	done_at    BIGINT                        -- NULL: the day has not come
);
CREATE INDEX handover_due ON handover (at) WHERE done_at IS NULL;

-- Sessions know more now. Whoever is signed in signs in again: a session holds
-- nothing that is worth carrying over.
DROP TABLE session;
CREATE TABLE session (
	id         TEXT   NOT NULL PRIMARY KEY,          -- SHA-256 of the token, which the browser alone has
	person     TEXT   NOT NULL REFERENCES person (id),
	how        TEXT   NOT NULL CHECK (how IN ('password', 'link', 'recovery', 'code', 'passkey', 'province')),
	created_at BIGINT NOT NULL,
	seen_at    BIGINT NOT NULL,                      -- to the minute
	expires_at BIGINT NOT NULL,
	last_at    BIGINT NOT NULL,                      -- expires_at may not go beyond
	address    TEXT   NOT NULL DEFAULT '',           -- where it was opened
	agent      TEXT   NOT NULL DEFAULT '',           -- what the browser called itself
	refresh    TEXT   NOT NULL DEFAULT '',           -- of the province's sign-in: what asks whether the person is still there
	checked_at BIGINT NOT NULL DEFAULT 0             -- when that was last asked
);
CREATE INDEX session_person ON session (person);
CREATE INDEX session_expires ON session (expires_at);
CREATE INDEX session_checked ON session (checked_at) WHERE refresh <> '';

DROP TABLE ceremony;
CREATE TABLE ceremony (
	kind       TEXT   NOT NULL CHECK (kind IN ('totp', 'passkey', 'signin', 'proof', 'province')),
	id         TEXT   NOT NULL,              -- person for totp, the challenge or the state for the others
	state      TEXT   NOT NULL,              -- the secret for totp, JSON for the others
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (kind, id)
);
CREATE INDEX ceremony_expires ON ceremony (expires_at);

-- Codes a person printed for the day the phone is gone. Each opens once.
CREATE TABLE recovery_code (
	id      TEXT   NOT NULL PRIMARY KEY,     -- SHA-256 of person and code
	person  TEXT   NOT NULL REFERENCES person (id),
	made_at BIGINT NOT NULL,
	used_at BIGINT
);
CREATE INDEX recovery_code_person ON recovery_code (person);

-- Somebody who cannot sign in and asks two colleagues.
CREATE TABLE recovery (
	id         TEXT   NOT NULL PRIMARY KEY,
	token      TEXT   NOT NULL UNIQUE,       -- SHA-256 of what the asking browser holds
	person     TEXT   NOT NULL,              -- '' where nobody has the login that was typed
	number     TEXT   NOT NULL,              -- six digits, read out to the colleagues
	address    TEXT   NOT NULL DEFAULT '',
	at         BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	granted_at BIGINT,                       -- the second colleague's yes
	ended_at   BIGINT                        -- used, or refused by a colleague
);
CREATE INDEX recovery_person ON recovery (person, expires_at);

CREATE TABLE recovery_yes (
	recovery TEXT   NOT NULL REFERENCES recovery (id),
	person   TEXT   NOT NULL REFERENCES person (id),
	name     TEXT   NOT NULL,
	post     TEXT   NOT NULL,
	manages  BIGINT NOT NULL CHECK (manages IN (0, 1)), -- people.manage over all that the asker reaches
	at       BIGINT NOT NULL,
	PRIMARY KEY (recovery, person)
);

-- What a person must be told on their page.
CREATE TABLE told (
	id      TEXT   NOT NULL PRIMARY KEY,
	person  TEXT   NOT NULL REFERENCES person (id),
	word    TEXT   NOT NULL,                 -- of the catalogue, after "told."
	args    TEXT   NOT NULL,                 -- JSON, texts
	at      BIGINT NOT NULL,
	read_at BIGINT
);
CREATE INDEX told_person ON told (person, at);

-- Who a person is at the province's own sign-in.
CREATE TABLE identity (
	issuer   TEXT   NOT NULL,
	subject  TEXT   NOT NULL,
	person   TEXT   NOT NULL REFERENCES person (id),
	bound_at BIGINT NOT NULL,
	PRIMARY KEY (issuer, subject),
	UNIQUE (issuer, person)
);
