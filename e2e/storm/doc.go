// Package storm measures thousands of connections at once, on one machine and
// over loopback: what a door costs beside another broker, how long an emergency
// takes from the second person's yes to the first sample, and how ten thousand
// devices come back after the server died.
//
// Two kinds of devices take part, and every figure says how many of each. A
// complete agent is package edge with an output that keeps time; it feeds its
// output fifty times a second, so a machine affords some dozens beside ten
// thousand others. The others are the device's own connection and nothing more:
// a real socket, TLS if asked, a key and a sealed placement of its own, a token
// for every sign-in, its own topics, beats, the beacon pulled after every
// sign-in as an agent does. What they are sent is compared by hash; each process
// verifies the seal of every different document once, after the time was taken,
// because ten thousand devices have ten thousand processors and this machine has
// two.
//
// A process may open 20,000 files, so the devices live in processes of their
// own (fleet.go), which are this package's test program started again.
//
//	device.go  one device's connection: MQTT 3.1.1 by hand, so that ten thousand fit
//	fleet.go   a process full of devices, and how it is told what to do
//	world.go   keys, placements and places for so many devices
//	host.go    the servers: Loa's door alone, a whole node, mosquitto; what they use
//	figures.go percentiles
package storm
