// Package realbuild has Dockerfiles like those that people write: packages of Debian, a program built with Go, ten thousand
// files. It makes what they need in a host of the lab, without a network.
//
// Each Dockerfile gives the same bytes again, whatever runs it. So two images of one differ only if the programs differ that
// ran their steps.
package realbuild

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"strings"

	"runsc-provisioner/test/lab"
)

// Packages are installed by the Dockerfiles. Everything that they depend on is in the image.
var Packages = []string{"jq", "libjq1", "libonig5", "make", "libcap2-bin"}

// Context is the directory with the Dockerfiles, each called NAME.Dockerfile, and their context.
const Context = "/root/realbuild"

const goInHost = "/usr/local/go"

// Image is the image that they begin with: the host's own Debian, with Go.
const Image = "debian:lab"

// Options are o for a host in which Setup can run.
func Options(ctx context.Context, o lab.Options) (lab.Options, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return o, fmt.Errorf("find Go: %w", err)
	}
	o.Buildx, o.Packages = true, Packages
	o.Binds = append(o.Binds, lab.Bind{Source: strings.TrimSpace(string(root)), Target: goInHost, ReadOnly: true})
	return o, nil
}

// Dockerfiles by name.
var Dockerfiles = map[string]string{
	"apt": `FROM ` + Image + `
COPY repository /repository
RUN echo 'deb [trusted=yes] file:/repository ./' >/etc/apt/sources.list && apt-get -q update && apt-get -q install -y --no-install-recommends jq make && jq -n 1+1 && ` + clean + `
RUN apt-get -q purge -y make && ` + clean + `
`,
	"go": `FROM ` + Image + `
COPY source /source
RUN cd /source && GOCACHE=/cache GOTOOLCHAIN=local CGO_ENABLED=0 /usr/local/go/bin/go build -trimpath -buildvcs=false -o /made . && rm -r /cache /root/.config && /made
`,
	"many": `FROM ` + Image + `
RUN mkdir /many && cd /many && i=0; while [ $i -lt 10000 ]; do echo $i >$i; i=$((i+1)); done
RUN cd /many && rm -f *5 && chmod 600 *7 && echo changed >1
`,
}

// Capability is the name of a Dockerfile that gives a file a capability, which no step can in gVisor: it keeps no extended
// attributes but those of user.* for the root file system (pkg/sentry/fsimpl/gofer, checkXattrPermissions).
const Capability = "capability"

const capability = `FROM ` + Image + `
COPY repository /repository
RUN dpkg -i /repository/libcap2-bin.deb && ` + clean + `
RUN cp /bin/sleep /listens && setcap cap_net_bind_service+ep /listens
`

// clean removes what has the time of this run, as Dockerfiles do to be small.
const clean = `rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/ldconfig /var/log/apt /var/log/dpkg.log /var/log/alternatives.log`

// Setup is a shell script that makes the image and Context in a host. It takes half a minute.
func Setup() string {
	script := `set -eu
mkdir -p ` + Context + `/repository ` + Context + `/source
cp ` + lab.PackagesDir + `/*.deb ` + Context + `/repository
cd ` + Context + `/repository
for deb in *.deb; do
	dpkg-deb -f $deb
	echo "Filename: ./$deb"
	echo "Size: $(stat -c %s $deb)"
	echo "SHA256: $(sha256sum $deb | cut -d ' ' -f 1)"
	echo
done >Packages
cat >` + Context + `/source/go.mod <<'END'
module example.org/made

go 1.26
END
cat >` + Context + `/source/main.go <<'END'
package main

import (
	"encoding/json"
	"os"
)

func main() {
	if err := json.NewEncoder(os.Stdout).Encode("made"); err != nil {
		panic(err)
	}
}
END
`
	files := maps.Clone(Dockerfiles)
	files[Capability] = capability
	for name, text := range files {
		script += fmt.Sprintf("cat >%s/%s.Dockerfile <<'END'\n%sEND\n", Context, name, text)
	}
	return script + `
tar -c -C / --one-file-system --exclude='./root/*' --exclude='./tmp/*' --exclude='./var/tmp/*' --exclude='./var/log/*' --exclude=./var/lib/docker \
	--exclude=./var/lib/runsc-provisioner --exclude='./usr/local/*' --exclude=./usr/sbin/dockerd --exclude='./usr/bin/containerd*' \
	--exclude=./usr/lib/systemd --exclude=./usr/share/doc --exclude=./usr/share/locale --exclude='./etc/apt/sources.list.d/*' \
	--exclude=./etc/docker --exclude=./etc/systemd . ` + goInHost[1:] + ` | docker import - ` + Image + `
`
}
