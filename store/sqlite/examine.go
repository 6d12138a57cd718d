package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/store"
)

// enough is how much room there has to be on the disk: a busy year's decisions,
// and a backup of them.
const enough = 200 << 20

// Examine says how the database is, also while a bot runs on it: it takes no
// lock that a bot would want, and writes nothing.
func Examine(ctx context.Context, path string) []promotion.Diagnosis {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	about := "database " + path
	found := []promotion.Diagnosis{room(filepath.Dir(path))}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return append(found, absent(about, filepath.Dir(path)))
	case err != nil:
		return append(found, promotion.Diagnosis{About: about, Condition: promotion.Unexamined, Says: fmt.Sprintf("it can't be looked at: %v", errors.Unwrap(err)), Remedy: "run this as the user that the bot runs as"})
	case info.Mode().Perm()&0o077 != 0:
		found = append(found, promotion.Diagnosis{About: about, Condition: promotion.Remarked, Says: fmt.Sprintf("others on this machine may read it (%v), until promotebot serve is started again", info.Mode().Perm())})
	}
	found = append(found, contents(ctx, about, path)...)
	return append(found, holder(path))
}

// absent: the first start makes it, if it may.
func absent(about, dir string) promotion.Diagnosis {
	const write = 2 // W_OK of access(2)
	if err := syscall.Access(dir, write); err != nil {
		return promotion.Diagnosis{About: about, Condition: promotion.Ill, Says: fmt.Sprintf("it does not exist, and can't be made in %s: %v", dir, err), Remedy: "make the directory, writable for the user that the bot runs as"}
	}
	return promotion.Diagnosis{About: about, Condition: promotion.Remarked, Says: "it does not exist yet; promotebot serve makes it"}
}

// contents says whether it is whole, can be written to, and is of this program's
// time.
func contents(ctx context.Context, about, path string) []promotion.Diagnosis {
	db, err := pool(path, 1, "mode=rw", "_txlock=immediate")
	if err != nil {
		return []promotion.Diagnosis{promotion.Diagnose(about, err, "")}
	}
	whole := store.New(db, db, dialect)
	defer whole.Close() //nolint:errcheck // nothing was written
	if err := sound(ctx, db, "quick_check"); err != nil {
		return []promotion.Diagnosis{promotion.Diagnose(about, err, "")}
	}
	return []promotion.Diagnosis{writable(ctx, about, db), schema(ctx, whole)}
}

// writable begins what could be a decision, and takes it back.
func writable(ctx context.Context, about string, db *sql.DB) promotion.Diagnosis {
	tx, err := db.BeginTx(ctx, nil)
	if err == nil {
		err = tx.Rollback()
	}
	if err != nil {
		return promotion.Diagnosis{About: about, Condition: promotion.Ill, Says: fmt.Sprintf("it can't be written to: %v", err), Remedy: "let the user that the bot runs as write to it and to its directory"}
	}
	return promotion.Diagnosis{About: about, Condition: promotion.Well, Says: "it is whole and can be written to"}
}

func schema(ctx context.Context, db *store.DB) promotion.Diagnosis {
	const about = "schema"
	has, knows, err := db.Schema(ctx)
	switch {
	case err != nil:
		return promotion.Diagnose(about, err, "")
	case has > knows:
		return promotion.Diagnosis{About: about, Condition: promotion.Ill, Says: fmt.Sprintf("version %d, which a newer program has written: this one knows %d", has, knows), Remedy: "run the newer program"}
	case has < knows:
		return promotion.Diagnosis{About: about, Condition: promotion.Remarked, Says: fmt.Sprintf("version %d; the next start brings it to %d", has, knows)}
	}
	return promotion.Diagnosis{About: about, Condition: promotion.Well, Says: fmt.Sprintf("version %d, as this program has it", has)}
}

// room is how much there is on the disk.
func room(dir string) promotion.Diagnosis {
	about := "disk of " + dir
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return promotion.Diagnosis{About: about, Condition: promotion.Unexamined, Says: fmt.Sprintf("how much room there is can't be found out: %v", err)}
	}
	free := stat.Bavail * uint64(max(0, stat.Bsize)) //nolint:unconvert // its type differs between systems
	if free < enough {
		return promotion.Diagnosis{About: about, Condition: promotion.Ill, Says: fmt.Sprintf("%d MiB are left: when it is full, no click can be recorded", free>>20), Remedy: fmt.Sprintf("make room: %d MiB at least", enough>>20)}
	}
	return promotion.Diagnosis{About: about, Condition: promotion.Well, Says: fmt.Sprintf("%d MiB are free", free>>20)}
}

// holder says whether a bot has the database, without trying for its lock: one
// that starts at that moment would be turned away.
func holder(path string) promotion.Diagnosis {
	d := promotion.Diagnosis{About: "lock", Condition: promotion.Remarked, Says: "no promotebot has the database now, as far as can be seen from here"}
	info, err := os.Stat(path + ".lock")
	locks, err2 := os.Open("/proc/locks")
	if err != nil || err2 != nil {
		return d // there never was one, or the system does not say
	}
	defer locks.Close() //nolint:errcheck // it was only read
	stat, ok := info.Sys().(*syscall.Stat_t)
	for lines := bufio.NewScanner(locks); ok && lines.Scan(); {
		// 1: FLOCK  ADVISORY  WRITE 4711 08:01:131074 0 EOF   (proc_locks(5))
		f := strings.Fields(lines.Text())
		if len(f) > 5 && f[1] == "FLOCK" && strings.HasSuffix(f[5], ":"+strconv.FormatUint(stat.Ino, 10)) {
			d.Says = "promotebot runs on this database, as process " + f[4]
		}
	}
	return d
}
