package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const oci = "application/vnd.oci.image."

// descriptor is what OCI calls so: a blob by its digest.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// words collects a flag that may be given several times.
type words []string

func (w *words) String() string     { return strings.Join(*w, " ") }
func (w *words) Set(s string) error { *w = append(*w, s); return nil }

// image writes a reproducible OCI archive: sorted names, no times, everything owned by root.
func image(args []string) error {
	flags := flag.NewFlagSet("image", flag.ExitOnError)
	name := flags.String("name", "", "reference of the image, such as localhost/name:1")
	out := flags.String("o", "", "archive to write")
	entrypoint := flags.String("entrypoint", "", "what it runs, words with blanks between")
	user := flags.String("user", "", "who runs it, such as 65532:65532")
	var environment words
	flags.Var(&environment, "env", "a variable, NAME=VALUE; may be repeated")
	flags.Parse(args)
	if *name == "" || *out == "" || flags.NArg() != 1 {
		return errors.New("image needs -name, -o and one directory")
	}
	file, err := os.Create(*out)
	if err != nil {
		return err
	}
	defer file.Close()
	config := map[string]any{
		"Entrypoint": strings.Fields(*entrypoint),
		"User":       *user,
		"Env":        append([]string{"PATH=/usr/local/bin:/usr/bin:/bin"}, environment...),
	}
	if err := pack(tar.NewWriter(file), *name, flags.Arg(0), config); err != nil {
		return err
	}
	return file.Close()
}

func pack(w *tar.Writer, name, directory string, config map[string]any) error {
	layer, err := putLayer(w, directory)
	if err != nil {
		return err
	}
	described, err := putJSON(w, oci+"config.v1+json", map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       config,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{layer.Digest}},
	})
	if err != nil {
		return err
	}
	manifest, err := putJSON(w, oci+"manifest.v1+json", map[string]any{
		"schemaVersion": 2,
		"mediaType":     oci + "manifest.v1+json",
		"config":        described,
		"layers":        []descriptor{layer},
	})
	if err != nil {
		return err
	}
	manifest.Annotations = map[string]string{"io.containerd.image.name": name}
	index, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": oci + "index.v1+json", "manifests": []descriptor{manifest},
	})
	if err != nil {
		return err
	}
	if err := put(w, "index.json", int64(len(index)), bytes.NewReader(index)); err != nil {
		return err
	}
	layout := []byte(`{"imageLayoutVersion":"1.0.0"}`)
	if err := put(w, "oci-layout", int64(len(layout)), bytes.NewReader(layout)); err != nil {
		return err
	}
	return w.Close()
}

func put(w *tar.Writer, name string, size int64, content io.Reader) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(w, content)
	return err
}

func putJSON(w *tar.Writer, mediaType string, value any) (descriptor, error) {
	content, err := json.Marshal(value)
	if err != nil {
		return descriptor{}, err
	}
	sum := sha256.New()
	sum.Write(content)
	return putBlob(w, mediaType, sum, int64(len(content)), bytes.NewReader(content))
}

func putBlob(w *tar.Writer, mediaType string, sum hash.Hash, size int64, content io.Reader) (descriptor, error) {
	digest := hex.EncodeToString(sum.Sum(nil))
	blob := descriptor{MediaType: mediaType, Digest: "sha256:" + digest, Size: size}
	return blob, put(w, "blobs/sha256/"+digest, size, content)
}

// putLayer goes by a temporary file, for the digest of a layer comes before its content, and it may be large.
func putLayer(w *tar.Writer, directory string) (descriptor, error) {
	file, err := os.CreateTemp("", "layer")
	if err != nil {
		return descriptor{}, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	sum := sha256.New()
	if err := tarTree(io.MultiWriter(file, sum), directory); err != nil {
		return descriptor{}, err
	}
	size, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return descriptor{}, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return descriptor{}, err
	}
	return putBlob(w, oci+"layer.v1.tar", sum, size, file)
}

func tarTree(out io.Writer, directory string) error {
	w := tar.NewWriter(out)
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == directory {
			return err
		}
		return putEntry(w, directory, path, entry)
	})
	if err != nil {
		return err
	}
	return w.Close()
}

func putEntry(w *tar.Writer, directory, path string, entry fs.DirEntry) error {
	name, err := filepath.Rel(directory, path)
	if err != nil {
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() && !info.IsDir() && info.Mode()&fs.ModeSymlink == 0 {
		return fmt.Errorf("%s is no file, directory or link", path)
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	header.Name, header.Uid, header.Gid, header.Uname, header.Gname = name, 0, 0, "", ""
	header.ModTime, header.AccessTime, header.ChangeTime = time.Unix(0, 0), time.Time{}, time.Time{}
	header.Format = tar.FormatPAX
	if info.IsDir() {
		header.Name += "/"
	}
	if err := w.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return err
}
