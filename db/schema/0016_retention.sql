-- Sound is kept for a while and then deleted; what was said, approved and played stays.

-- +goose Up

-- Not 0: the sound was deleted after this many months, and no page offers it.
ALTER TABLE rendition ADD COLUMN kept_months BIGINT NOT NULL DEFAULT 0;

-- Blobs that one who needed them has let go of. A mark is no sentence: the file
-- goes only when nobody else needs it either.
CREATE TABLE discarded (
	hash TEXT   NOT NULL PRIMARY KEY,
	at   BIGINT NOT NULL
);
CREATE INDEX discarded_at ON discarded (at);

-- Who needs a blob is asked by its hash.
CREATE INDEX rendition_media ON rendition (media);
CREATE INDEX rendition_source ON rendition (source_hash);
CREATE INDEX rendition_upload ON rendition (upload);
CREATE INDEX upload_media ON upload (media);
CREATE INDEX upload_source ON upload (source);
CREATE INDEX submission_photo ON submission (photo);
CREATE INDEX register_import_file ON register_import (file);
