-- Indexes for the lists of a whole province: what is counted and shown is what
-- is not in order, and the newest; the rest of three thousand poles and of a
-- year of playbacks is not read.

-- +goose Up

-- Every box at work has a row of health: one that never called is away too.
INSERT INTO health (box_id, at, state, slot, warrant, why, volume, disk_free, offset_us, clock, plan, version, uptime)
	SELECT id, 0, '', '', '', '', 0, 0, 0, '', 0, '', 0 FROM box
	WHERE state = 'placed' AND NOT EXISTS (SELECT 1 FROM health WHERE health.box_id = box.id);
CREATE INDEX health_at ON health (at);
CREATE INDEX health_sounding ON health (box_id) WHERE state = 'sounding';
CREATE INDEX box_state ON box (state);
CREATE INDEX box_stale ON box (pole_id) WHERE stale = 1;
CREATE INDEX pole_sum ON pole (path, horns, id, code) WHERE removed_at IS NULL;
CREATE INDEX mute_until ON mute (until_ms);
CREATE INDEX mute_pole ON mute (pole, until_ms);

-- The log in its order, with what its sums ask for.
DROP INDEX playback_planned;
CREATE INDEX playback_planned ON playback (planned DESC, box_id, n, degree, result, why);
DROP INDEX playback_box;
CREATE INDEX playback_box ON playback (box_id, planned, result);

-- A session's items in their order.
DROP INDEX slot_session;
CREATE INDEX slot_session ON slot (commune, session, start_ms);
