// Calls an HTTP server by net/http and Redis by net.DialTimeout: go run client.go URL HOST:PORT
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func report(name string, call func() (string, error)) {
	began := time.Now()
	said, err := call()
	if err != nil {
		said = err.Error()
	}
	fmt.Printf("%s: %s, %d ms\n", name, strings.TrimSpace(said), time.Since(began).Milliseconds())
}

func get() (string, error) {
	client := http.Client{Timeout: 10 * time.Second}
	reply, err := client.Get(os.Args[1])
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	return string(body), err
}

func ping() (string, error) {
	connection, err := net.DialTimeout("tcp", os.Args[2], 10*time.Second)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(connection, "PING\r\n")
	reply := make([]byte, 7)
	_, err = io.ReadFull(connection, reply)
	return string(reply), err
}

func main() {
	report("net/http", get)
	report("net.DialTimeout", ping)
}
