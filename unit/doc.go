// Package unit keeps the register of places: the country, its provinces and
// communes, and below them our own hamlets, former communes and zones.
//
// Places are rows with dates, not code: the merger of 1 July 2025 (Resolution
// 202/2025/QH15) is data, the next one will be data too, and no number of
// provinces or communes is written anywhere. A unit that is closed stays, so
// that last year's bulletins still have a place. Since codes are never given
// again (Decision 124/2004/QĐ-TTg, article 1; Decision 19/2025/QĐ-TTg), a path
// means one place for ever; a commune that becomes a ward keeps its path and
// changes its type, and the journal says when.
//
// Read unit.go (what a unit is), find.go (reading), add.go (hamlets and zones
// by hand), import.go (lists), national.go (the list that comes with Loa, built
// by unit/national/gen), sql.go.
package unit
