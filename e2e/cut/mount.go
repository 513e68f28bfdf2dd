package cut

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// valid is how long the kernel may remember a name or a size: nobody else
// changes them.
const valid = time.Hour

type mounted struct {
	server *fuse.Server
	dir    string
}

// Mount makes the disk a folder. It needs root and /dev/fuse.
func (d *Disk) Mount(dir string) error {
	s, err := fuse.NewServer(&kernel{fuse.NewDefaultRawFileSystem(), d}, dir, &fuse.MountOptions{
		DirectMountStrict: true, FsName: "loa-cut", Name: "loa-cut", DisableXAttrs: true, MaxWrite: 1 << 17,
		MaxReadAhead: 1 << 17, DisableReadDirPlus: true, IgnoreSecurityLabels: true,
	})
	if err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	d.mounted = mounted{s, dir}
	go s.Serve()
	return s.WaitMount()
}

// Close takes the folder away. Programs that still use it get errors.
func (d *Disk) Close() error {
	if d.mounted.server == nil {
		return nil
	}
	d.PowerOff()
	err := syscall.Unmount(d.mounted.dir, syscall.MNT_DETACH)
	d.mounted.server = nil
	return err
}

// kernel answers what the kernel asks of a Disk.
type kernel struct {
	fuse.RawFileSystem
	d *Disk
}

// at locks the disk and finds a node.
func (k *kernel) at(id uint64) (n *node, unlock func()) {
	k.d.mu.Lock()
	return k.d.nodes[id], k.d.mu.Unlock
}

func attr(n *node, a *fuse.Attr) {
	size := n.live.size
	*a = fuse.Attr{Ino: n.id, Mode: n.mode, Nlink: uint32(max(n.links, 1)), Size: uint64(size),
		Blocks: uint64((size + sectorBytes - 1) / sectorBytes), Blksize: pageBytes}
	t := time.Unix(0, n.at)
	a.SetTimes(&t, &t, &t)
}

func entry(n *node, out *fuse.EntryOut) {
	out.NodeId = n.id
	attr(n, &out.Attr)
	out.SetEntryTimeout(valid)
	out.SetAttrTimeout(valid)
}

func (k *kernel) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	dir, unlock := k.at(h.NodeId)
	defer unlock()
	n := dir.names[name]
	if n == nil {
		return fuse.ENOENT
	}
	entry(n, out)
	return fuse.OK
}

func (k *kernel) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, unlock := k.at(in.NodeId)
	defer unlock()
	attr(n, &out.Attr)
	out.SetTimeout(valid)
	return fuse.OK
}

func (k *kernel) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, unlock := k.at(in.NodeId)
	defer unlock()
	if size, ok := in.GetSize(); ok && int64(size) != n.live.size {
		if e := k.d.truncate(n, int64(size)); e != 0 {
			return fuse.Status(e)
		}
	}
	if mode, ok := in.GetMode(); ok {
		n.mode = n.mode&syscall.S_IFMT | mode&0o7777
	}
	if t, ok := in.GetMTime(); ok {
		n.at = t.UnixNano()
	}
	attr(n, &out.Attr)
	out.SetTimeout(valid)
	return fuse.OK
}

// make adds a node under a name.
func (k *kernel) make(dir *node, called string, mode uint32, out *fuse.EntryOut) (*node, fuse.Status) {
	if dir.names[called] != nil {
		return nil, fuse.Status(syscall.EEXIST)
	}
	n := k.d.add(mode, path.Join(dir.path, called))
	if e := k.d.rename(Create, n, name{dir, called, n}); e != 0 {
		delete(k.d.nodes, n.id)
		return nil, fuse.Status(e)
	}
	entry(n, out)
	return n, fuse.OK
}

func (k *kernel) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	dir, unlock := k.at(in.NodeId)
	defer unlock()
	_, s := k.make(dir, name, in.Mode, out)
	return s
}

func (k *kernel) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	dir, unlock := k.at(in.NodeId)
	defer unlock()
	_, s := k.make(dir, name, syscall.S_IFDIR|in.Mode&0o7777, out)
	return s
}

func (k *kernel) Symlink(_ <-chan struct{}, h *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	dir, unlock := k.at(h.NodeId)
	defer unlock()
	n, s := k.make(dir, name, syscall.S_IFLNK|0o777, out)
	if n != nil {
		n.target = target
	}
	return s
}

func (k *kernel) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	n, unlock := k.at(h.NodeId)
	defer unlock()
	return []byte(n.target), fuse.OK
}

func (k *kernel) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	dir, unlock := k.at(in.NodeId)
	defer unlock()
	_, s := k.make(dir, name, syscall.S_IFREG|in.Mode&0o7777, &out.EntryOut)
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return s
}

func (k *kernel) Link(_ <-chan struct{}, in *fuse.LinkIn, called string, out *fuse.EntryOut) fuse.Status {
	dir, unlock := k.at(in.NodeId)
	defer unlock()
	n := k.d.nodes[in.Oldnodeid]
	if dir.names[called] != nil {
		return fuse.Status(syscall.EEXIST)
	}
	if e := k.d.rename(Create, n, name{dir, called, n}); e != 0 {
		return fuse.Status(e)
	}
	n.links++
	entry(n, out)
	return fuse.OK
}

func (k *kernel) remove(id uint64, called string, dirs bool) fuse.Status {
	dir, unlock := k.at(id)
	defer unlock()
	n := dir.names[called]
	switch {
	case n == nil:
		return fuse.ENOENT
	case dirs && len(n.names) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	return fuse.Status(k.d.rename(Remove, n, name{dir, called, nil}))
}

func (k *kernel) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return k.remove(h.NodeId, name, false)
}

func (k *kernel) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return k.remove(h.NodeId, name, true)
}

func (k *kernel) Rename(_ <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	dir, unlock := k.at(in.NodeId)
	defer unlock()
	n, into := dir.names[from], k.d.nodes[in.Newdir]
	there := into.names[to]
	switch {
	case n == nil:
		return fuse.ENOENT
	case in.Flags&^1 != 0: // RENAME_EXCHANGE and others
		return fuse.EINVAL
	case in.Flags&1 != 0 && there != nil: // RENAME_NOREPLACE
		return fuse.Status(syscall.EEXIST)
	case there == n:
		return fuse.OK
	case there != nil && len(there.names) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	n.links++ // it has a name throughout
	e := k.d.rename(Rename, n, name{dir, from, nil}, name{into, to, n})
	if e != 0 {
		n.links--
	}
	return fuse.Status(e)
}

func (k *kernel) Open(_ <-chan struct{}, _ *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return fuse.OK
}

func (k *kernel) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, unlock := k.at(in.NodeId)
	defer unlock()
	if k.d.off {
		return nil, fuse.EIO
	}
	return fuse.ReadResultData(buf[:n.live.read(buf, int64(in.Offset))]), fuse.OK
}

func (k *kernel) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	n, unlock := k.at(in.NodeId)
	defer unlock()
	if e := k.d.write(n, data, int64(in.Offset)); e != 0 {
		return 0, fuse.Status(e)
	}
	return uint32(len(data)), fuse.OK
}

func (k *kernel) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

func (k *kernel) Release(<-chan struct{}, *fuse.ReleaseIn) {}

func (k *kernel) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	n, unlock := k.at(in.NodeId)
	defer unlock()
	return fuse.Status(k.d.sync(n))
}

func (k *kernel) OpenDir(<-chan struct{}, *fuse.OpenIn, *fuse.OpenOut) fuse.Status { return fuse.OK }

func (k *kernel) ReleaseDir(*fuse.ReleaseIn) {}

func (k *kernel) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	dir, unlock := k.at(in.NodeId)
	defer unlock()
	// By the order in which they were made: a name that goes while somebody
	// lists must not make the list skip another.
	list := slices.SortedFunc(maps.Keys(dir.names), func(a, b string) int { return int(dir.names[a].id) - int(dir.names[b].id) })
	for _, name := range list {
		n := dir.names[name]
		if n.id <= in.Offset {
			continue
		}
		if !out.AddDirEntry(fuse.DirEntry{Name: name, Mode: n.mode, Ino: n.id, Off: n.id}) {
			break
		}
	}
	return fuse.OK
}

func (k *kernel) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	n, unlock := k.at(in.NodeId)
	defer unlock()
	return fuse.Status(k.d.syncDir(n))
}

func (k *kernel) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	free := k.d.room
	if free < 0 {
		free = 1 << 34
	}
	*out = fuse.StatfsOut{Blocks: 1 << 34 / pageBytes, Bfree: uint64(free) / pageBytes, Bavail: uint64(free) / pageBytes,
		Files: 1 << 20, Ffree: 1 << 20, Bsize: pageBytes, Frsize: pageBytes, NameLen: 255}
	return fuse.OK
}
