package cut

import (
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"sync"
	"syscall"
)

// pageBytes is how much is copied at a time: contents share pages, so that an
// image of a large database costs a list of them.
const pageBytes = 4096

// content is the bytes of a file. Pages are never changed in place.
type content struct {
	pages [][]byte
	size  int64
}

func (c content) clone() content { return content{slices.Clone(c.pages), c.size} }

// read copies from off into b and says how many bytes there were.
func (c content) read(b []byte, off int64) int {
	if off >= c.size {
		return 0
	}
	b = b[:min(int64(len(b)), c.size-off)]
	for done := 0; done < len(b); {
		at := off + int64(done)
		n := min(len(b)-done, int(pageBytes-at%pageBytes))
		if p := c.pages[at/pageBytes]; p != nil {
			copy(b[done:done+n], p[at%pageBytes:])
		} else {
			clear(b[done : done+n]) // a hole
		}
		done += n
	}
	return len(b)
}

func (c *content) write(b []byte, off int64) {
	c.grow(off + int64(len(b)))
	for done := 0; done < len(b); {
		at := off + int64(done)
		p := make([]byte, pageBytes)
		copy(p, c.pages[at/pageBytes])
		done += copy(p[at%pageBytes:], b[done:])
		c.pages[at/pageBytes] = p
	}
}

func (c *content) grow(size int64) {
	if size > c.size {
		c.resize(size)
	}
}

// resize cuts off or adds zeroes.
func (c *content) resize(size int64) {
	want := int((size + pageBytes - 1) / pageBytes)
	for len(c.pages) < want {
		c.pages = append(c.pages, nil)
	}
	c.pages = c.pages[:want]
	if rest := size % pageBytes; size < c.size && rest > 0 && c.pages[want-1] != nil {
		p := make([]byte, pageBytes) // what lay behind must not come back when the file grows
		copy(p, c.pages[want-1][:rest])
		c.pages[want-1] = p
	}
	c.size = size
}

// node is a file, a folder, a socket or a symbolic link.
type node struct {
	id     uint64
	mode   uint32
	path   string // where it was made or moved to, for the log of operations
	target string // of a symbolic link
	at     int64  // when it was last changed, ns
	links  int

	live, safe  content          // of a file
	names, kept map[string]*node // of a folder: live and safe
}

func (n *node) isDir() bool { return n.mode&syscall.S_IFMT == syscall.S_IFDIR }

// change is one thing that is live and not yet safe.
type change struct {
	node  *node // the file that was written or cut to size
	data  []byte
	off   int64
	size  int64 // of a file that was cut or stretched; -1: written
	names []name
}

// name is one name of a folder that was set, or taken away (to is nil). A
// rename is two of them, and happens whole or not at all.
type name struct {
	dir  *node
	name string
	to   *node
}

// Op is one operation as it reached the disk.
type Op struct {
	N    int64 // counted from 1
	Kind string
	Path string
	Off  int64
	Len  int
	// Failed: a fault that was asked for struck it.
	Failed bool
}

// The kinds of Op that change something or make it safe.
const (
	Write    = "write"
	Truncate = "truncate"
	Sync     = "fsync"
	SyncDir  = "fsync folder"
	Create   = "create"
	Remove   = "remove"
	Rename   = "rename"
)

// Disk is a disk in memory. It is safe for concurrent use.
type Disk struct {
	mu      sync.Mutex
	nodes   map[uint64]*node
	last    uint64 // id given out
	root    *node
	pending []change
	log     []Op
	off     bool  // the power is gone
	lies    bool  // an fsync says yes and does nothing
	room    int64 // bytes that still fit, -1: any number
	faults  []*fault
	watch   func(Op, func(Mode, uint64) *Image)
	mounted mounted
	now     func() int64
}

// New is an empty disk with a clock that tells nanoseconds.
func New(now func() int64) *Disk {
	d := &Disk{nodes: map[uint64]*node{}, room: -1, now: now}
	d.root = d.add(syscall.S_IFDIR|0o755, "/")
	return d
}

func (d *Disk) add(mode uint32, path string) *node {
	d.last++
	n := &node{id: d.last, mode: mode, path: path, at: d.now(), links: 1}
	if n.isDir() {
		n.names, n.kept = map[string]*node{}, map[string]*node{}
	}
	d.nodes[n.id] = n
	return n
}

// Watch has f called before every operation that changes something or makes it
// safe, with a way to see what a cut at this moment would leave. f must not call
// the disk.
func (d *Disk) Watch(f func(op Op, image func(Mode, uint64) *Image)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watch = f
}

// Log is every operation so far.
func (d *Disk) Log() []Op {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.log)
}

// PowerOff lets no operation through any more. What is left is in Image.
func (d *Disk) PowerOff() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
}

// Lie makes every fsync say yes and do nothing, as some disks do: a test that
// does not notice would notice nothing else either.
func (d *Disk) Lie() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lies = true
}

// begin is at the head of every operation that changes something. It says what
// the disk answers instead of doing it.
func (d *Disk) begin(kind string, n *node, off int64, length int) syscall.Errno {
	if d.off {
		return syscall.EIO
	}
	op := Op{N: int64(len(d.log)) + 1, Kind: kind, Path: n.path, Off: off, Len: length}
	d.log = append(d.log, op)
	if d.watch != nil {
		d.watch(op, func(m Mode, seed uint64) *Image { return d.image(m, seed) })
	}
	e := d.fails(op)
	d.log[len(d.log)-1].Failed = e != 0
	return e
}

func (d *Disk) write(n *node, b []byte, off int64) syscall.Errno {
	if e := d.begin(Write, n, off, len(b)); e != 0 {
		return e
	}
	if more := off + int64(len(b)) - n.live.size; more > 0 {
		if e := d.take(more); e != 0 {
			return e
		}
	}
	n.live.write(b, off)
	n.at = d.now()
	d.pending = append(d.pending, change{node: n, data: slices.Clone(b), off: off, size: -1})
	return 0
}

func (d *Disk) truncate(n *node, size int64) syscall.Errno {
	if e := d.begin(Truncate, n, size, 0); e != 0 {
		return e
	}
	if e := d.take(size - n.live.size); e != 0 {
		return e
	}
	n.live.resize(size)
	n.at = d.now()
	d.pending = append(d.pending, change{node: n, size: size})
	return 0
}

// take gives n bytes of room, or takes them back.
func (d *Disk) take(n int64) syscall.Errno {
	if d.room < 0 {
		return 0
	}
	if n > d.room {
		return syscall.ENOSPC
	}
	d.room -= n
	return 0
}

// sync makes a file's bytes safe, or loses them.
func (d *Disk) sync(n *node) syscall.Errno {
	e := d.begin(Sync, n, 0, 0)
	if d.off || e == 0 && d.lies {
		return e
	}
	d.pending = slices.DeleteFunc(d.pending, func(c change) bool {
		if c.node == n && e == 0 {
			c.to(&n.safe, everySector)
		}
		return c.node == n
	})
	return e
}

// syncDir makes the names in a folder safe: all that changed there, and with a
// file that moved between two folders what was changed in the other before.
func (d *Disk) syncDir(n *node) syscall.Errno {
	if e := d.begin(SyncDir, n, 0, 0); e != 0 || d.lies {
		return e
	}
	dirs := map[*node]bool{n: true}
	now := make([]bool, len(d.pending))
	for i, c := range slices.Backward(d.pending) {
		if slices.ContainsFunc(c.names, func(m name) bool { return dirs[m.dir] }) {
			now[i] = true
			for _, m := range c.names {
				dirs[m.dir] = true
			}
		}
	}
	var later []change
	for i, c := range d.pending {
		if !now[i] {
			later = append(later, c)
			continue
		}
		for _, m := range c.names {
			set(m.dir.kept, m.name, m.to)
		}
	}
	d.pending = later
	return 0
}

func set(names map[string]*node, name string, to *node) {
	if to == nil {
		delete(names, name)
		return
	}
	names[name] = to
}

// rename sets names, all at once.
func (d *Disk) rename(kind string, about *node, names ...name) syscall.Errno {
	if e := d.begin(kind, about, 0, 0); e != 0 {
		return e
	}
	for _, m := range names {
		if gone := m.dir.names[m.name]; gone != nil && gone != m.to {
			gone.links--
			if gone.links == 0 && d.room >= 0 {
				d.room += gone.live.size
			}
		}
		set(m.dir.names, m.name, m.to)
		m.dir.at = d.now()
		if m.to != nil {
			m.to.path = path.Join(m.dir.path, m.name)
		}
	}
	d.pending = append(d.pending, change{names: names})
	return 0
}

// to does to a content what a change of a file did, where keep allows.
func (c change) to(f *content, keep func(sector int) bool) {
	if c.size >= 0 {
		f.resize(c.size)
		return
	}
	for at := 0; at < len(c.data); {
		end := min(len(c.data), at+sectorBytes-int((c.off+int64(at))%sectorBytes))
		if keep(at / sectorBytes) {
			f.write(c.data[at:end], c.off+int64(at))
		}
		at = end
	}
}

func everySector(int) bool { return true }

// apply does to the plane of an image what a change did.
func (c change) apply(of func(*node) *Entry, keep func(sector int) bool) {
	for _, m := range c.names {
		dir := of(m.dir)
		if m.to == nil {
			delete(dir.Names, m.name)
		} else {
			dir.Names[m.name] = of(m.to)
		}
	}
	if c.node != nil {
		c.to(&of(c.node).data, keep)
	}
}

// plane is the live one, or the one that no change since has touched.
func (d *Disk) plane(live bool) (root *Entry, of func(*node) *Entry) {
	seen := map[*node]*Entry{}
	of = func(n *node) *Entry {
		if e := seen[n]; e != nil {
			return e
		}
		data, names := n.safe, n.kept
		if live {
			data, names = n.live, n.names
		}
		e := &Entry{Mode: n.mode, Target: n.target, data: data.clone()}
		seen[n] = e
		if n.isDir() {
			e.Names = map[string]*Entry{}
			for name, to := range names {
				e.Names[name] = of(to)
			}
		}
		return e
	}
	return of(d.root), of
}

// image is what a cut now would leave.
func (d *Disk) image(m Mode, seed uint64) *Image {
	root, of := d.plane(m == Live)
	r := rand.New(rand.NewPCG(seed, uint64(len(d.log)))) // a test that can be run again
	switch m {
	case Torn:
		whole := r.IntN(len(d.pending) + 1)
		for _, c := range d.pending[:whole] {
			c.apply(of, everySector)
		}
		if whole < len(d.pending) {
			if c := d.pending[whole]; c.node != nil && c.size < 0 {
				sectors := r.IntN(len(c.data)/sectorBytes + 1)
				c.apply(of, func(i int) bool { return i < sectors })
			}
		}
	case Reordered:
		for _, c := range d.pending {
			switch r.IntN(3) {
			case 0:
				c.apply(of, everySector)
			case 1:
				if c.node != nil && c.size < 0 {
					c.apply(of, func(int) bool { return r.IntN(2) == 0 })
				}
			}
		}
	}
	return &Image{Root: root}
}

// Image is what a cut now would leave.
func (d *Disk) Image(m Mode, seed uint64) *Image {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.image(m, seed)
}

// Load fills an empty disk; everything is safe.
func (d *Disk) Load(i *Image) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var fill func(n *node, e *Entry)
	fill = func(n *node, e *Entry) {
		n.target, n.live, n.safe = e.Target, e.data.clone(), e.data.clone()
		for name, below := range e.Names {
			m := d.add(below.Mode, path.Join(n.path, name))
			n.names[name] = m
			fill(m, below)
		}
		n.kept = maps.Clone(n.names)
	}
	fill(d.root, i.Root)
}
