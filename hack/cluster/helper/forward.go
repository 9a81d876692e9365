package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// forward listens in one network namespace and connects in another; it ends when a listener does.
func forward(args []string) error {
	flags := flag.NewFlagSet("forward", flag.ExitOnError)
	listen := flags.String("listen", "", "host:port to listen on; several with commas between")
	dial := flags.String("dial", "", "host:port to connect to")
	listenNamespace := flags.String("listen-netns", "", "network namespace of the listeners (default: our own)")
	dialNamespace := flags.String("dial-netns", "", "network namespace to connect in (default: our own)")
	flags.Parse(args)
	if *listen == "" || *dial == "" {
		return errors.New("forward needs -listen and -dial")
	}
	ended := make(chan error)
	for _, address := range strings.Split(*listen, ",") {
		var listener net.Listener
		err := within(*listenNamespace, func() (err error) { listener, err = net.Listen("tcp", address); return })
		if err != nil {
			return err
		}
		go func() { ended <- accept(listener, *dialNamespace, *dial) }()
	}
	fmt.Println("listening on", *listen) // what cluster.sh waits for
	return <-ended
}

func accept(listener net.Listener, namespace, address string) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go relay(connection.(*net.TCPConn), namespace, address)
	}
}

func relay(near *net.TCPConn, namespace, address string) {
	defer near.Close()
	var far net.Conn
	err := within(namespace, func() (err error) { far, err = net.DialTimeout("tcp", address, 10*time.Second); return })
	if err != nil {
		fmt.Fprintln(os.Stderr, "helper: forward:", err)
		near.SetLinger(0) // a reset, for the other side shall not take this for an answer
		return
	}
	defer far.Close()
	done := make(chan struct{}, 2)
	pipe := func(to, from *net.TCPConn) {
		io.Copy(to, from)
		to.CloseWrite()
		done <- struct{}{}
	}
	go pipe(far.(*net.TCPConn), near)
	go pipe(near, far.(*net.TCPConn))
	<-done
	<-done
}

// Number of the system call setns, which package syscall has no name for.
var setns = map[string]uintptr{"amd64": 308, "arm64": 268}

// within runs f on a thread in the network namespace at path. Sockets that f makes stay there.
func within(path string, f func() error) error {
	if path == "" {
		return f()
	}
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that the thread ends with this goroutine
		result <- func() error {
			number, known := setns[runtime.GOARCH]
			if !known {
				return fmt.Errorf("network namespaces are not known on %s", runtime.GOARCH)
			}
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			if _, _, errno := syscall.RawSyscall(number, file.Fd(), syscall.CLONE_NEWNET, 0); errno != 0 {
				return fmt.Errorf("entering %s: %w", path, errno)
			}
			return f()
		}()
	}()
	return <-result
}
