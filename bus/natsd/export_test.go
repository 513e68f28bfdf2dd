package natsd

import "github.com/nats-io/nats-server/v2/server"

// Kept lists, per stream, how many messages it holds and which consumers hang
// on it, as "messages/consumers"; memory says whether all of them live there.
func (s *Server) Kept() (held map[string][2]int, memory bool, err error) {
	all, err := s.server.Jsz(&server.JSzOptions{Accounts: true, Streams: true, Consumer: true, Config: true})
	if err != nil {
		return nil, false, err
	}
	held, memory = map[string][2]int{}, true
	for _, a := range all.AccountDetails {
		for _, st := range a.Streams {
			held[st.Name] = [2]int{int(st.State.Msgs), st.State.Consumers}
			memory = memory && st.Config.Storage == server.MemoryStorage
		}
	}
	return held, memory, nil
}
