package proof

import "testing"

func TestFault_X06_WhatAProcessSeesOfItsKernel(t *testing.T) {
	for _, test := range []struct {
		name     string
		line     string
		describe string // "" for an error
	}{
		{"gVisor", insideView{kernel: "4.19.0-gvisor", log: "[    0.000000] Starting gVisor..."}.String() + "\n", "4.19.0-gvisor"},
		{"a seccomp profile forbids it", insideView{kernel: "4.19.0-gvisor", unreadable: "operation not permitted"}.String() + "\n",
			"4.19.0-gvisor (its log: operation not permitted)"},
		{"Linux, read by a privileged process", insideView{kernel: "6.12.0", log: "[    0.000000] Linux version 6.12.0"}.String() + "\n", ""},
		{"an empty log is not gVisor's", insideView{kernel: "4.4.0"}.String() + "\n", ""},
		{"a line without fields", "4.4.0\n", ""},
		{"nothing", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseInsideView(test.line).describe()
			if got != test.describe || (err != nil) != (test.describe == "") {
				t.Errorf("got %q, %v, want %q", got, err, test.describe)
			}
		})
	}
}
