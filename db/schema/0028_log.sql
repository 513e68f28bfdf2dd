-- What a pole's own log and the list of SIMs about to end ask for.

-- +goose Up

-- A page's lines are picked from the index alone, before anything is read of them.
DROP INDEX playback_box;
CREATE INDEX playback_box ON playback (box_id, planned, n, result);

CREATE INDEX pole_sim ON pole (sim_until) WHERE sim_until <> '';
