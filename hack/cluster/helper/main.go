// Command helper does for the tier `pods` what no tool of the machine does.
//
//	helper pause                     wait for ever and reap children: the sandbox of every pod
//	helper cat FILE...               print files: a workload for an image that holds nothing else
//	helper forward -listen A -dial B [-listen-netns P] [-dial-netns P]
//	                                 forward TCP connections between network namespaces
//	helper image -name N:T -o FILE [-entrypoint ...] [-user U:G] [-env K=V]... DIR
//	                                 pack a directory as an image of one layer (an OCI archive)
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("a command is missing: pause, cat, forward or image")
	}
	switch command, rest := args[0], args[1:]; command {
	case "pause":
		return pause()
	case "cat":
		return cat(rest)
	case "forward":
		return forward(rest)
	case "image":
		return image(rest)
	default:
		return fmt.Errorf("there is no command %q: pause, cat, forward or image", command)
	}
}

// pause ends on SIGINT and SIGTERM. It is the first process of a pod, and so the parent of its orphans.
func pause() error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return nil
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
	return nil
}

func cat(files []string) error {
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		_, err = io.Copy(os.Stdout, file)
		file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
