-- Indexes for a year of a large province: what pages ask for a day, a box or a
-- trouble must not read the rest of the year.

-- +goose Up

CREATE INDEX playback_box ON playback (box_id, planned);
CREATE INDEX playback_failed ON playback (planned) WHERE result <> 'played';
CREATE INDEX slot_session ON slot (commune, session);

-- The list of poles in its order, and the box at work on each.
DROP INDEX pole_path;
CREATE INDEX pole_list ON pole (path, name_sort, id);
DROP INDEX box_pole;
CREATE INDEX box_pole ON box (pole_id, state, id);
