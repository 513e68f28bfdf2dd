-- Offices, the people who work in them, the posts they hold, and how they sign in.

-- +goose Up

-- A body that writes, handles and answers.
-- +goose StatementBegin
CREATE TABLE office (
	id         TEXT   NOT NULL PRIMARY KEY,
	path       TEXT   NOT NULL REFERENCES unit (path), -- the unit it belongs to
	kind       TEXT   NOT NULL CHECK (kind IN ('ubnd', 'so', 'ban_bien_tap', 'dai', 'cong_an', 'tram_y_te', 'dien_luc', 'khac')),
	name       TEXT   NOT NULL,                        -- NFC, as it stands in a sentence
	name_sort  TEXT   NOT NULL,                        -- lang.SortKey(name): ordered by
	valid_from BIGINT NOT NULL,                        -- milliseconds since 1970
	valid_to   BIGINT                                  -- the first moment it is no more; NULL: it goes on
);
-- +goose StatementEnd

-- Two offices of one name in one unit would be one to everybody but us.
CREATE UNIQUE INDEX office_name ON office (path, name_sort) WHERE valid_to IS NULL;

-- The units an office works for, each with all below it.
CREATE TABLE office_unit (
	office TEXT NOT NULL REFERENCES office (id),
	path   TEXT NOT NULL REFERENCES unit (path),
	PRIMARY KEY (office, path)
);

CREATE INDEX office_unit_path ON office_unit (path);

CREATE TABLE person (
	id          TEXT   NOT NULL PRIMARY KEY,
	path        TEXT   NOT NULL,             -- the unit the person belongs to, '' for those added at the machine
	name        TEXT   NOT NULL,             -- NFC
	name_sort   TEXT   NOT NULL,             -- lang.SortKey(name): ordered by
	login       TEXT   NOT NULL,             -- as it was chosen
	login_fold  TEXT   NOT NULL UNIQUE,      -- lang.Fold(login): found by
	password    TEXT   NOT NULL,             -- argon2id as a PHC string
	totp_secret TEXT   NOT NULL DEFAULT '',  -- base 32 (RFC 6238), '' while there is none
	totp_step   BIGINT NOT NULL DEFAULT 0,   -- the last step of 30 seconds whose code was used
	added_at    BIGINT NOT NULL,
	disabled_at BIGINT                       -- NULL: may sign in
);

CREATE INDEX person_path ON person (path);

-- What holds rights: a chair, whoever sits on it.
CREATE TABLE post (
	id         TEXT   NOT NULL PRIMARY KEY,
	office     TEXT   NOT NULL REFERENCES office (id),
	title      TEXT   NOT NULL,              -- "Phó Chủ tịch UBND xã"
	title_sort TEXT   NOT NULL,              -- lang.SortKey(title): ordered by
	added_at   BIGINT NOT NULL
);

CREATE INDEX post_office ON post (office);

CREATE TABLE post_right (
	post    TEXT NOT NULL REFERENCES post (id),
	path    TEXT NOT NULL REFERENCES unit (path),
	"right" TEXT NOT NULL,                   -- loa.Right, over path and all below it
	PRIMARY KEY (post, path, "right")
);

-- +goose StatementBegin
CREATE TABLE holder (
	id       TEXT   NOT NULL PRIMARY KEY,
	post     TEXT   NOT NULL REFERENCES post (id),
	person   TEXT   NOT NULL REFERENCES person (id),
	from_at  BIGINT NOT NULL,                -- the first moment
	until_at BIGINT,                         -- the first moment no more; NULL: it goes on
	lent     BIGINT NOT NULL CHECK (lent IN (0, 1)),
	CHECK (lent = 0 OR until_at IS NOT NULL) -- a post is lent for dated days
);
-- +goose StatementEnd

CREATE INDEX holder_person ON holder (person);
CREATE INDEX holder_post ON holder (post);

CREATE TABLE session (
	id         TEXT   NOT NULL PRIMARY KEY,  -- SHA-256 of the token, which the browser alone has
	person     TEXT   NOT NULL REFERENCES person (id),
	how        TEXT   NOT NULL CHECK (how IN ('password', 'link', 'code', 'passkey')),
	created_at BIGINT NOT NULL,
	seen_at    BIGINT NOT NULL,              -- to the minute
	expires_at BIGINT NOT NULL
);

CREATE INDEX session_person ON session (person);
CREATE INDEX session_expires ON session (expires_at);

CREATE TABLE signin_link (
	id         TEXT   NOT NULL PRIMARY KEY,  -- SHA-256 of the token
	person     TEXT   NOT NULL REFERENCES person (id),
	expires_at BIGINT NOT NULL,
	used_at    BIGINT                        -- NULL: not yet, and it is good for once
);

CREATE INDEX signin_link_person ON signin_link (person);
CREATE INDEX signin_link_expires ON signin_link (expires_at);

CREATE TABLE passkey (
	id         TEXT   NOT NULL PRIMARY KEY,  -- credential id, base64url without padding
	person     TEXT   NOT NULL REFERENCES person (id),
	public_key BYTEA  NOT NULL,              -- COSE_Key (RFC 9052)
	aaguid     TEXT   NOT NULL,              -- the make of the authenticator, as a UUID
	flags      BIGINT NOT NULL,              -- of the authenticator data: kept in the cloud or not may never change
	sign_count BIGINT NOT NULL,              -- must grow, where the authenticator counts at all
	transports TEXT   NOT NULL,              -- words with spaces between: where browsers look for it
	name       TEXT   NOT NULL,              -- what its owner calls it, '' until named
	added_at   BIGINT NOT NULL,
	used_at    BIGINT,                       -- NULL: never
	removed_at BIGINT                        -- NULL: good
);

CREATE INDEX passkey_person ON passkey (person);

-- What was asked of a browser and not answered yet: in SQL, because another
-- process may get the answer.
CREATE TABLE ceremony (
	kind       TEXT   NOT NULL CHECK (kind IN ('totp', 'passkey', 'signin')),
	id         TEXT   NOT NULL,              -- person for totp, the challenge for the others
	state      TEXT   NOT NULL,              -- the secret for totp, JSON for the others
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (kind, id)
);

CREATE INDEX ceremony_expires ON ceremony (expires_at);

-- Wrong tries in a row, by login and by address.
CREATE TABLE signin_failure (
	id      TEXT   NOT NULL PRIMARY KEY,     -- SHA-256 of what is counted: a password is sometimes typed as the login
	wrong   BIGINT NOT NULL,
	last_at BIGINT NOT NULL
);

CREATE INDEX signin_failure_last ON signin_failure (last_at);
