package wire

// maxStream is how long a stream lasts at most, in milliseconds: four hours.
const maxStream = 4 * 60 * 60_000

// StreamSilence is how long, in milliseconds, a device waits for the next frame
// of a stream before it gives up and goes back to its plan: no dead air.
const StreamSilence = 3000

// checkStream: a relay is planned, live sound is now; either is bounded and held
// to hours as any bulletin of its class.
func (w Warrant) checkStream() error {
	if w.Class.urgent() && !w.Now {
		return malformed("warrant", "now")
	}
	if !isName(w.Mount, 64) { // a name and never an address: the device asks its own node
		return malformed("warrant", "mount")
	}
	if w.Length < 1000 || w.Length > maxStream {
		return malformed("warrant", "length")
	}
	return w.checkPlays()
}

// Live reports whether a warrant is live sound: nobody can hear beforehand what
// will be said, so it has its own duty.
func (w Warrant) Live() bool { return w.Kind == Stream && w.Now }
