package engine

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/test/fakedockerd"
)

// The texts were seen on dockerd 20.10, 24.0, 26.1 and a beta of 29, after a start of dockerd without the runtime.
func TestFault_X08_ContainersThatDockerdDidNotStart(t *testing.T) {
	const unknown, unknown20 = "unknown or invalid runtime name: runsc", "runtime not found in config: runsc"
	const missing = "failed to create task for container: failed to create shim task: OCI runtime create failed: unable to retrieve OCI runtime error " +
		"(open /run/containerd/io.containerd.runtime.v2.task/moby/0/log.json: no such file or directory): fork/exec /nonexistent/runsc: no such file or directory: unknown"
	type container struct {
		name, status, policy, text string
	}
	stopped := []container{
		{"always", "exited", "always", unknown},
		{"unless-stopped", "exited", "unless-stopped", unknown},
		{"on-failure", "exited", "on-failure", unknown},
		{"from 20.10", "exited", "always", unknown20},
		{"program missing", "exited", "always", missing},
		{"without a policy", "exited", "no", unknown},
		{"runs again", "running", "always", unknown},
		{"another error", "exited", "always", `failed to create task for container: OCI runtime create failed: runc create failed: exec: "/runsc": stat /runsc: no such file or directory`},
		{"another runtime", "exited", "always", "unknown or invalid runtime name: other"},
		{"no error", "exited", "always", ""},
	}
	dockerd := fakedockerd.New(t, 24, 45)
	var list, want []any
	for i, c := range stopped {
		id := strings.Repeat(fmt.Sprintf("%x", i), 64)
		list = append(list, map[string]any{"Id": id, "Names": []string{"/" + c.name}})
		dockerd.AnswerJSON("/containers/"+id+"/json", func(*http.Request) any {
			return map[string]any{
				"Id": id, "Name": "/" + c.name, "State": map[string]any{"Status": c.status, "Error": c.text}, "Config": map[string]any{},
				"HostConfig": map[string]any{"Runtime": "runsc", "RestartPolicy": map[string]string{"Name": c.policy}},
			}
		})
		if i < 5 {
			want = append(want, NotStarted{ID: id, Name: c.name, Runtime: "runsc"})
		}
	}
	dockerd.AnswerJSON("/containers/json", func(r *http.Request) any {
		if r.URL.Query().Get("all") != "1" || !strings.Contains(r.URL.Query().Get("filters"), "exited") {
			t.Errorf("got %s, want all stopped containers", r.URL)
		}
		return list
	})
	client, err := Open(dockerd.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	found, partial, err := client.NotStarted(t.Context())
	if err != nil || partial {
		t.Fatalf("got partial %t, %v", partial, err)
	}
	byName := map[string]any{}
	for _, one := range found {
		byName[one.Name] = one
	}
	for _, one := range want {
		name := one.(NotStarted).Name
		if diff := cmp.Diff(one, byName[name]); diff != "" {
			t.Errorf("%s, -want +got:\n%s", name, diff)
		}
		delete(byName, name)
	}
	if len(byName) > 0 {
		t.Errorf("got %v too", byName)
	}

	// An answer that is not about the container hides no other.
	list = append(list, map[string]any{"Id": strings.Repeat("f", 64)})
	dockerd.AnswerText("/containers/"+strings.Repeat("f", 64)+"/json", `{"Id":"x"}`)
	if found, partial, err = client.NotStarted(t.Context()); err != nil || !partial || len(found) != len(want) {
		t.Errorf("got %d, partial %t, %v, want %d, true", len(found), partial, err, len(want))
	}
}
