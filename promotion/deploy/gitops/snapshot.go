package gitops

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops/edit"
)

// snapshot is what a branch held when it was read: as much of its history as was
// asked for, and of its files those that were. There is no work tree: nothing of
// a repository is written under its own name, so that neither hooks nor filters,
// submodules or links of it can have an effect here.
type snapshot struct {
	remote *remote
	branch plumbing.ReferenceName
	head   plumbing.Hash
	path   string
	entry  *object.TreeEntry // of the file at the head
	file   []byte            // the file at the head
	store  *filesystem.Storage
}

// open reads the head of a branch and one file of it; branch is empty for the
// default one. What is fetched lies in dir.
func (r *remote) open(ctx context.Context, dir, branch, path string, depth int) (*snapshot, error) {
	c, err := r.begin(ctx, uploadPack)
	if err != nil {
		return nil, err
	}
	s := &snapshot{remote: r, path: path}
	if s.branch, s.head, err = r.resolve(c, branch); err != nil {
		c.end()
		return nil, err
	}
	filters := c.filters()
	for i, filter := range filters {
		if i > 0 { // a conversation is for one question
			_ = os.RemoveAll(s.store.Filesystem().Root()) // what is left of it goes with dir
			if c, err = r.begin(ctx, uploadPack); err != nil {
				return nil, err
			}
		}
		if s.store, err = emptyStore(dir); err != nil {
			c.end()
			return nil, err
		}
		if filter == "" {
			depth = min(depth, maxWhole)
		}
		err = c.fetch(r, s.store, s.head, depth, filter)
		c.end()
		if err == nil {
			s.entry, s.file, err = s.read(ctx, s.head)
		}
		// A server that gives no single file gives it with its commit: the next
		// filter lets more through.
		if err == nil || promotion.KindOf(err) != promotion.Unavailable || ctx.Err() != nil || i == len(filters)-1 {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// maxWhole is how much history is fetched with everything that is in it.
const maxWhole = 20

// emptyStore keeps objects on the disk, packed as they come, and few of them in
// memory.
func emptyStore(dir string) (*filesystem.Storage, error) {
	own, err := os.MkdirTemp(dir, "objects-*")
	if err != nil {
		return nil, promotion.Errorf(promotion.Unavailable, "there is no place for what is fetched: %w", err)
	}
	const kept, large = 16 * cache.MiByte, 1 << 20
	return filesystem.NewStorageWithOptions(osfs.New(own, osfs.WithBoundOS()), cache.NewObjectLRU(kept), filesystem.Options{LargeObjectThreshold: large}), nil
}

// head is where a branch is now.
func (r *remote) head(ctx context.Context, branch string) (plumbing.ReferenceName, plumbing.Hash, error) {
	c, err := r.begin(ctx, uploadPack)
	if err != nil {
		return "", plumbing.ZeroHash, err
	}
	defer c.end()
	return r.resolve(c, branch)
}

func (r *remote) resolve(c *conversation, branch string) (plumbing.ReferenceName, plumbing.Hash, error) {
	name := plumbing.NewBranchReferenceName(branch)
	if branch == "" {
		for _, symbolic := range c.refs.Capabilities.Get(capability.SymRef) {
			if of, to, _ := strings.Cut(symbolic, ":"); of == "HEAD" {
				name = plumbing.ReferenceName(to)
			}
		}
		if !name.IsBranch() || name.Short() == "" {
			return "", plumbing.ZeroHash, promotion.Errorf(promotion.NotFound, "%s does not say which branch is its default: name one with branch", r)
		}
	}
	hash, ok := c.refs.References[name.String()]
	if !ok {
		return "", plumbing.ZeroHash, promotion.Errorf(promotion.NotFound, "%s has no branch %s: make it, or name another with branch", r, clip(name.Short()))
	}
	return name, hash, nil
}

// read finds the file in a commit. What the filter left out is fetched by its
// name.
func (s *snapshot) read(ctx context.Context, at plumbing.Hash) (*object.TreeEntry, []byte, error) {
	entry, err := s.find(at)
	if err != nil {
		return nil, nil, err
	}
	blob, err := s.store.EncodedObject(plumbing.BlobObject, entry.Hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		if err := s.fetchFile(ctx, entry.Hash); err != nil {
			return nil, nil, err
		}
		blob, err = s.store.EncodedObject(plumbing.BlobObject, entry.Hash)
	}
	if err != nil {
		return nil, nil, promotion.Errorf(promotion.Unavailable, "%s in %s can't be read: %w", s.path, s.remote, err)
	}
	if blob.Size() > edit.MaxFile {
		return nil, nil, promotion.Errorf(promotion.Invalid, "%s in %s has %d bytes, and files of more than %d are not edited", s.path, s.remote, blob.Size(), edit.MaxFile)
	}
	reader, err := blob.Reader()
	if err != nil {
		return nil, nil, promotion.Errorf(promotion.Unavailable, "%s in %s can't be read: %w", s.path, s.remote, err)
	}
	defer reader.Close() //nolint:errcheck // it was only read
	file, err := io.ReadAll(reader)
	if err != nil {
		return nil, nil, promotion.Errorf(promotion.Unavailable, "%s in %s can't be read: %w", s.path, s.remote, err)
	}
	return entry, file, nil
}

// find is the entry of the file in a commit.
func (s *snapshot) find(at plumbing.Hash) (*object.TreeEntry, error) {
	commit, err := object.GetCommit(s.store, at)
	if err != nil {
		return nil, promotion.Errorf(promotion.Unavailable, "the commit %s of %s can't be read: %w", short(at), s.remote, err)
	}
	tree, err := object.GetTree(s.store, commit.TreeHash)
	if err != nil {
		return nil, promotion.Errorf(promotion.Unavailable, "the commit %s of %s can't be read: %w", short(at), s.remote, err)
	}
	entry, err := tree.FindEntry(s.path)
	switch {
	case errors.Is(err, object.ErrEntryNotFound), errors.Is(err, object.ErrDirectoryNotFound):
		return nil, promotion.Errorf(promotion.NotFound, "%s has no %s on %s: write the path of a file that is there", s.remote, s.path, s.branch.Short())
	case err != nil:
		return nil, promotion.Errorf(promotion.Unavailable, "%s in %s can't be read: %w", s.path, s.remote, err)
	case entry.Mode != filemode.Regular && entry.Mode != filemode.Executable && entry.Mode != filemode.Deprecated:
		return nil, promotion.Errorf(promotion.Invalid, "%s in %s is no file but a directory, a link or a submodule: write the path of the file itself", s.path, s.remote)
	}
	return entry, nil
}

func (s *snapshot) fetchFile(ctx context.Context, blob plumbing.Hash) error {
	c, err := s.remote.begin(ctx, uploadPack)
	if err != nil {
		return err
	}
	defer c.end()
	return c.fetch(s.remote, s.store, blob, 0, "")
}

// commit makes the commit that has the file with another content, and nothing
// else that is different, on top of the head; and the pack of what is new.
func (s *snapshot) commit(file []byte, author Author, at time.Time, message string, key promotion.Secret) (plumbing.Hash, []byte, error) {
	head, err := object.GetCommit(s.store, s.head)
	if err != nil {
		return plumbing.ZeroHash, nil, err
	}
	fresh := memory.NewStorage()
	blob := fresh.NewEncodedObject()
	blob.SetType(plumbing.BlobObject)
	w, err := blob.Writer()
	if err == nil {
		_, err = w.Write(file)
	}
	if err != nil {
		return plumbing.ZeroHash, nil, err
	}
	content, err := fresh.SetEncodedObject(blob)
	if err != nil {
		return plumbing.ZeroHash, nil, err
	}
	tree, err := s.graft(fresh, head.TreeHash, strings.Split(s.path, "/"), content)
	if err != nil {
		return plumbing.ZeroHash, nil, err
	}
	signature := object.Signature{Name: author.Name, Email: author.Email, When: at.UTC()}
	commit := &object.Commit{Author: signature, Committer: signature, Message: message, TreeHash: tree, ParentHashes: []plumbing.Hash{s.head}}
	if key.Reveal() != "" {
		if commit.PGPSignature, err = signed(commit, key); err != nil {
			return plumbing.ZeroHash, nil, err
		}
	}
	made := fresh.NewEncodedObject()
	if err := commit.Encode(made); err != nil {
		return plumbing.ZeroHash, nil, err
	}
	hash, err := fresh.SetEncodedObject(made)
	if err != nil {
		return plumbing.ZeroHash, nil, err
	}
	var pack bytes.Buffer
	var all []plumbing.Hash
	for h := range fresh.Objects {
		all = append(all, h)
	}
	if _, err := packfile.NewEncoder(&pack, fresh, false).Encode(all, 0); err != nil {
		return plumbing.ZeroHash, nil, err
	}
	return hash, pack.Bytes(), nil
}

// signed is the signature of a commit.
func signed(commit *object.Commit, key promotion.Secret) (string, error) {
	unsigned := &plumbing.MemoryObject{}
	if err := commit.EncodeWithoutSignature(unsigned); err != nil {
		return "", err
	}
	reader, err := unsigned.Reader()
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		return "", err
	}
	return sign(key, text)
}

// graft is a tree with the file at the end of the path replaced.
func (s *snapshot) graft(fresh storer.EncodedObjectStorer, tree plumbing.Hash, path []string, content plumbing.Hash) (plumbing.Hash, error) {
	old, err := object.GetTree(s.store, tree)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	grown := &object.Tree{Entries: slices.Clone(old.Entries)}
	i := slices.IndexFunc(grown.Entries, func(e object.TreeEntry) bool { return e.Name == path[0] })
	if i < 0 {
		return plumbing.ZeroHash, plumbing.ErrObjectNotFound // it was found there when the file was read
	}
	if len(path) > 1 {
		if content, err = s.graft(fresh, grown.Entries[i].Hash, path[1:], content); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	grown.Entries[i].Hash = content
	made := fresh.NewEncodedObject()
	if err := grown.Encode(made); err != nil {
		return plumbing.ZeroHash, err
	}
	return fresh.SetEncodedObject(made)
}
