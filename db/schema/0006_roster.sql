-- Changes to the signer's roster, from the proposal to the second approval. The
-- roster itself is the signer's own; these rows are the paper beside it.

-- +goose Up

CREATE TABLE roster_proposal (
	id         TEXT   NOT NULL PRIMARY KEY,
	payload    BYTEA  NOT NULL,              -- the bytes that are approved: one version of the roster and no other
	credential TEXT   NOT NULL,              -- the passkey that comes or goes, base64url without padding
	name       TEXT   NOT NULL,              -- of its person
	adds       BIGINT NOT NULL CHECK (adds IN (0, 1)),
	paths      TEXT   NOT NULL,              -- every place the change touches, one a line
	by_person  TEXT   NOT NULL,
	by_name    TEXT   NOT NULL,
	at         BIGINT NOT NULL,
	ended_at   BIGINT,                       -- NULL: waiting
	changed    BIGINT NOT NULL DEFAULT 0 CHECK (changed IN (0, 1)), -- 1: the signer made the change; 0 and ended: withdrawn
	CHECK (changed = 0 OR ended_at IS NOT NULL)
);

CREATE INDEX roster_proposal_waiting ON roster_proposal (at) WHERE ended_at IS NULL;
CREATE INDEX roster_proposal_credential ON roster_proposal (credential);

-- Approvals are evidence: rows are never deleted.
CREATE TABLE roster_approval (
	id        TEXT   NOT NULL PRIMARY KEY,
	proposal  TEXT   NOT NULL REFERENCES roster_proposal (id),
	person    TEXT   NOT NULL,
	name      TEXT   NOT NULL,
	post      TEXT   NOT NULL,
	assertion TEXT   NOT NULL,               -- JSON of the WebAuthn assertion
	refused   TEXT   NOT NULL DEFAULT '',    -- why the signer did not believe it any more
	at        BIGINT NOT NULL
);

-- One person counts once, whatever two clicks at the same moment say.
CREATE UNIQUE INDEX roster_approval_once ON roster_approval (proposal, person) WHERE refused = '';
