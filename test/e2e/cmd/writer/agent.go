package main

import (
	"encoding/binary"
	"fmt"
	"net"
)

// agent asks an ssh agent for its keys, and prints how many it has (draft-ietf-sshm-ssh-agent: a length, then 11 for the
// question and 12 for the answer, which begins with their number).
func agent(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{0, 0, 0, 1, 11}); err != nil {
		return err
	}
	var answer struct {
		Length uint32
		Kind   byte
		Keys   uint32
	}
	if err := binary.Read(conn, binary.BigEndian, &answer); err != nil {
		return err
	}
	if answer.Kind != 12 {
		return fmt.Errorf("the agent answers with %d, want 12", answer.Kind)
	}
	fmt.Println("keys:", answer.Keys)
	return nil
}
