package main_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

// harm is done to the database of a running bot, and undone. Where there is
// nothing to undo, the bot has to be restarted.
type harm struct {
	name string
	says string // what /healthz or the log says of it
	hurt func(c *city, bot *process) (undo func())
}

// Whatever happens to the disk: a click that could not be recorded is not
// acknowledged, the bot says what is the matter, and it goes on by itself once
// the cause is gone.
func TestTheDiskInTrouble(t *testing.T) {
	t.Parallel()
	for _, h := range []harm{
		{"the disk is full", "disk is full", fullDisk},
		{"no file may grow", "disk I/O error", noGrowth},
		{"it was made read-only", "disk I/O error", immutable},
		{"another process has locked it", "database", lockedByAnother},
		{"it was deleted", "moved, replaced or deleted", func(c *city, _ *process) func() {
			c.must(os.Link(c.database(), c.database()+".kept"))
			c.must(os.Remove(c.database()))
			return func() { c.must(os.Rename(c.database()+".kept", c.database())) }
		}},
		{"a backup was put in its place", "moved, replaced or deleted", func(c *city, _ *process) func() {
			if out, err := c.run("backup", "-config", c.config, c.database()+".backup"); err != nil {
				c.t.Fatalf("%v: %s", err, out)
			}
			c.must(os.Rename(c.database()+".backup", c.database()))
			return nil
		}},
		{"its write-ahead log was deleted", "moved, replaced or deleted", func(c *city, _ *process) func() {
			c.must(os.Link(c.database()+"-wal", c.database()+".kept"))
			c.must(os.Remove(c.database() + "-wal"))
			return func() { c.must(os.Rename(c.database()+".kept", c.database()+"-wal")) }
		}},
		{"its lock was deleted", "moved, replaced or deleted", func(c *city, _ *process) func() {
			c.must(os.Rename(c.database()+".lock", c.database()+".kept"))
			return func() { c.must(os.Rename(c.database()+".kept", c.database()+".lock")) }
		}},
		{"the directory is gone", "moved, replaced or deleted", func(c *city, _ *process) func() {
			c.must(os.Rename(c.volume(), c.volume()+".gone"))
			return func() { c.must(os.Rename(c.volume()+".gone", c.volume())) }
		}},
	} {
		t.Run(strings.ReplaceAll(h.name, " ", "_"), func(t *testing.T) {
			c := newCity(t, seed(t), 1, "{approvals: {leads: 2}}")
			c.settleIn(h.name == "the disk is full")
			c.push(c.apps[0])
			bot := c.start()
			c.eventually("a card with buttons", c.cardSays(approve))

			undo := h.hurt(c, bot)
			m, _ := c.card()
			d, err := c.slack.Click(ann, shopChannel, m.TS, approve)
			if err != nil {
				t.Fatal(err)
			}
			c.eventually("the health check fails", func() bool { return health(t, bot) == http.StatusServiceUnavailable })
			if err := d.Wait(t.Context()); !errors.Is(err, fakeslack.ErrUnacked) {
				t.Errorf("Ann's click ended with %v", err)
			}
			c.eventually("the log says why", func() bool { return strings.Contains(bot.out.String(), h.says) })
			if undo != nil {
				undo()
			} else {
				bot.stop()
				bot = c.start()
			}

			c.eventually("it is healthy again", func() bool { return health(t, bot) == http.StatusOK })
			c.settle()
			bot.stop()
			c.whole()
		})
	}
}

// A directory that is read-only, as one is that was mounted so by mistake, is a
// reason not to start.
func TestItRefusesToStartWhereItCannotWrite(t *testing.T) {
	c := newCity(t, seed(t), 1, oneLead)
	c.settleIn(false)
	c.start().stop()
	if os.Geteuid() != 0 {
		c.must(errors.Join(os.Chmod(c.database(), 0o400), os.Chmod(c.volume(), 0o500)))
		t.Cleanup(func() { _ = os.Chmod(c.volume(), 0o700) }) // or nothing could be removed
	} else if err := syscall.Mount(c.volume(), c.volume(), "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	} else {
		t.Cleanup(func() { _ = syscall.Unmount(c.volume(), syscall.MNT_DETACH) }) // the kernel does it when nobody uses it
		c.must(syscall.Mount("", c.volume(), "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""))
	}
	bot := c.launch()
	<-bot.done
	if said := bot.out.String(); bot.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said, c.database()) || !strings.Contains(said, "writ") {
		t.Errorf("exit code %d, said %s", bot.cmd.ProcessState.ExitCode(), said)
	}
}

func health(t *testing.T, bot *process) int {
	t.Helper()
	resp, err := http.Get("http://" + bot.http + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func (c *city) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// volume is a directory for the database alone.
func (c *city) volume() string { return filepath.Dir(c.database()) }

// settleIn moves the database to a directory of its own, on a file system of its
// own if it is to be small.
func (c *city) settleIn(small bool) {
	c.t.Helper()
	text, err := os.ReadFile(c.config)
	c.must(err)
	was := c.database()
	c.file = filepath.Join("volume", "bot.db")
	c.must(os.WriteFile(c.config, []byte(strings.Replace(string(text), was, c.database(), 1)), 0o600))
	c.must(os.Mkdir(c.volume(), 0o700))
	if !small {
		return
	}
	if err := syscall.Mount("tmpfs", c.volume(), "tmpfs", 0, "size=2m,mode=700"); err != nil {
		c.t.Skipf("a small file system can't be mounted here, which takes root: %v", err)
	}
	c.t.Cleanup(func() { _ = syscall.Unmount(c.volume(), syscall.MNT_DETACH) }) // the kernel does it when nobody uses it
}

// fullDisk leaves not one block free.
func fullDisk(c *city, _ *process) func() {
	filler := filepath.Join(c.volume(), "filler")
	f, err := os.Create(filler)
	c.must(err)
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		c.t.Fatal(err)
	}
	c.must(f.Close())
	return func() { c.must(os.Remove(filler)) }
}

// noGrowth has the kernel refuse what is written behind the first page of any
// file, which takes no root.
func noGrowth(c *city, bot *process) func() {
	var before unix.Rlimit
	limit := func(to uint64) {
		c.must(unix.Prlimit(bot.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: to, Max: before.Max}, nil))
	}
	c.must(unix.Prlimit(bot.cmd.Process.Pid, unix.RLIMIT_FSIZE, nil, &before))
	limit(4096)
	return func() { limit(before.Cur) }
}

// immutable is chattr +i, which also stops whoever has the file open: a mode
// would not, and neither would a mount.
func immutable(c *city, _ *process) func() {
	const flag = 0x10 // FS_IMMUTABLE_FL of linux/fs.h
	set := func(change func(flags int) int) error {
		var errs []error
		for _, name := range []string{c.database(), c.database() + "-wal"} {
			f, err := os.Open(name)
			c.must(err)
			flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
			if err == nil {
				err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, change(flags))
			}
			errs = append(errs, err, f.Close())
		}
		return errors.Join(errs...)
	}
	undo := func() { c.must(set(func(flags int) int { return flags &^ flag })) }
	if err := set(func(flags int) int { return flags | flag }); err != nil {
		c.t.Skipf("a file can't be made immutable here, which takes root and a file system that knows it: %v", err)
	}
	c.t.Cleanup(func() {
		if c.t.Failed() {
			undo() // or nothing could be removed
		}
	})
	return undo
}

// lockedByAnother holds the write lock, as an administrator's shell would.
func lockedByAnother(c *city, _ *process) func() {
	conn, err := c.open("rw").Conn(c.t.Context())
	c.must(err)
	_, err = conn.ExecContext(c.t.Context(), "BEGIN IMMEDIATE")
	c.must(err)
	return func() {
		_, err := conn.ExecContext(c.t.Context(), "ROLLBACK")
		c.must(errors.Join(err, conn.Close()))
	}
}
