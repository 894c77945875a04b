// Added to BoringSSL's runner by an overlay when it is built (test/bogo/runner.ts): prints what each of its tests is about, so
// that those of TLS 1.2 over a stream can be told from the rest. It changes nothing about how a test runs.

package runner

import (
	"encoding/json"
	"os"
)

// groupOf has the name of the add*Tests function that made a test, by its place.
var groupOf []string

func groupTests(group string) {
	for len(groupOf) < len(testCases) {
		groupOf = append(groupOf, group)
	}
}

type listedTest struct {
	Name        string       `json:"name"`
	Group       string       `json:"group"`
	Protocol    string       `json:"protocol"`
	Connections []connection `json:"connections"`
	Flags       []string     `json:"flags"`
}

// connection is what the runner's side of one of a test's connections can do, and the version that must come out; 0 for anything.
type connection struct {
	MinVersion      uint16 `json:"minVersion"`
	MaxVersion      uint16 `json:"maxVersion"`
	ExpectedVersion uint16 `json:"expectedVersion"`
}

func connectionsOf(test testCase) []connection {
	first := connection{test.config.MinVersion, test.config.MaxVersion, test.expectations.version}
	resumed := first
	if test.resumeConfig != nil {
		resumed.MinVersion = test.resumeConfig.MinVersion
		resumed.MaxVersion = test.resumeConfig.MaxVersion
	}
	if test.resumeExpectations != nil {
		resumed.ExpectedVersion = test.resumeExpectations.version
	}
	if !test.resumeSession {
		return []connection{first}
	}
	return []connection{first, resumed}
}

func listTests() {
	encoder := json.NewEncoder(os.Stdout)
	for i, test := range testCases {
		listed := listedTest{
			Name:        test.name,
			Group:       groupOf[i],
			Protocol:    test.protocol.String(),
			Connections: connectionsOf(test),
			Flags:       test.flags,
		}
		if err := encoder.Encode(listed); err != nil {
			panic(err)
		}
	}
}
