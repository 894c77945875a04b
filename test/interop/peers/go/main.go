// Go's crypto/tls as a peer of the interop tests, TLS 1.2 only. README.md beside this folder has the protocol.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

type words map[string]string

func main() {
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		fields := strings.Fields(input.Text())
		id, command, options := fields[0], fields[1], words{}
		for _, field := range fields[2:] {
			name, value, _ := strings.Cut(field, "=")
			options[name] = value
		}
		switch command {
		case "connect":
			go func() { report(id, connect(options)) }()
		case "listen":
			listen(id, options)
		}
	}
}

var output sync.Mutex

// report prints one line of JSON.
func report(id string, answer map[string]any) {
	answer["id"] = id
	line, _ := json.Marshal(answer)
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(line))
}

func failure(err error) map[string]any { return map[string]any{"error": err.Error()} }

// connect visits a server that echoes, twice, with one memory of sessions.
func connect(options words) map[string]any {
	config, err := configOf(options)
	if err != nil {
		return failure(err)
	}
	config.ServerName = "localhost"
	if config.RootCAs, err = poolOf(options["ca"]); err != nil {
		return failure(err)
	}
	config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	visits := []map[string]any{}
	for len(visits) < 2 {
		seen, err := visit("127.0.0.1:"+options["port"], config)
		if err != nil {
			return failure(err)
		}
		visits = append(visits, seen)
	}
	return map[string]any{"visits": visits}
}

func visit(address string, config *tls.Config) (map[string]any, error) {
	transport, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	transport.SetDeadline(time.Now().Add(15 * time.Second))
	connection := tls.Client(transport, config)
	if err := connection.Handshake(); err != nil {
		transport.Close()
		return nil, err
	}
	text := []byte("there and back again\n")
	if _, err := connection.Write(text); err != nil {
		return nil, err
	}
	back := make([]byte, len(text))
	if _, err := io.ReadFull(connection, back); err != nil {
		return nil, err
	}
	if string(back) != string(text) {
		return nil, errors.New("what came back is not what was sent")
	}
	seen := describe(connection.ConnectionState())
	return seen, connection.Close()
}

// listen starts a server that echoes. It reports its port, and then every handshake.
func listen(id string, options words) {
	config, err := configOf(options)
	if err != nil {
		report(id, failure(err))
		return
	}
	config.SessionTicketsDisabled = options["tickets"] != "yes"
	switch options["auth"] {
	case "request":
		config.ClientAuth = tls.VerifyClientCertIfGiven
	case "require":
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if config.ClientCAs, err = poolOf(options["ca"]); err != nil {
		report(id, failure(err))
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		report(id, failure(err))
		return
	}
	report(id, map[string]any{"port": listener.Addr().(*net.TCPAddr).Port})
	go func() {
		for {
			transport, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(id, tls.Server(transport, config))
		}
	}()
}

func serve(id string, connection *tls.Conn) {
	defer connection.Close()
	if err := connection.Handshake(); err != nil {
		report(id, failure(err))
		return
	}
	report(id, describe(connection.ConnectionState()))
	io.Copy(connection, connection)
}

func describe(state tls.ConnectionState) map[string]any {
	seen := map[string]any{
		"suite":   tls.CipherSuiteName(state.CipherSuite),
		"resumed": state.DidResume,
		"alpn":    state.NegotiatedProtocol,
		"peer":    "",
	}
	if len(state.PeerCertificates) > 0 {
		seen["peer"] = state.PeerCertificates[0].Subject.CommonName
	}
	if keys, err := state.ExportKeyingMaterial("EXPERIMENTAL-ringtls", []byte("interop"), 32); err == nil {
		seen["exported"] = hex.EncodeToString(keys)
	}
	return seen
}

func configOf(options words) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}
	config.NextProtos = list(options["alpn"])
	if options["cert"] != "" {
		certificate, err := tls.LoadX509KeyPair(options["cert"], options["key"])
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	for _, name := range list(options["suites"]) {
		suite, err := suiteOf(name)
		if err != nil {
			return nil, err
		}
		config.CipherSuites = append(config.CipherSuites, suite)
	}
	return config, nil
}

func suiteOf(name string) (uint16, error) {
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if suite.Name == name {
			return suite.ID, nil
		}
	}
	return 0, fmt.Errorf("crypto/tls has no %s", name)
}

func poolOf(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return pool, nil
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
