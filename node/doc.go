// Package node puts the server together: the database, the bus, the device
// door, the flows and the pages, in one process or in several side by side
// over one database and one bus.
//
//	config.go   one flat struct from the environment
//	node.go     open, build, connect: top to bottom, no branches but the backends
//	relay.go    the door out: journal rows to the bus, marked after they left
//	inbox.go    the door in: beats to health, changes to pages
//	jobs.go     one table: name, every how long, by one process or by each, what
package node
