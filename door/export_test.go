package door

// CutAll ends every connection of the server, the door's own two among them.
func (d *Door) CutAll() error {
	all, err := d.server.Connections()
	for _, conn := range all {
		d.server.Drop(conn)
	}
	return err
}
