package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// dockerfiles are built by the classic builder, each in its own context.
var dockerfiles = map[string]string{
	"run": `FROM ` + writesImage + `
RUN writer change /work
`,
	"steps": `FROM ` + writesImage + `
RUN mkdir -p /made/dir && echo one >/made/first && echo two >/made/dir/second && ln /made/first /made/hard && rm /work/image/delete
RUN cat /made/first /made/dir/second >/made/both && echo more >>/made/first && mv /made/dir /made/there && rm -r /work/image/gone
RUN rm -r /made/there && mkdir /made/there && ln -s ../both /made/there/link && chmod 600 /made/both && mkdir /work/image/gone
`,
	"stages": `FROM ` + writesImage + ` AS build
RUN writer change /work && mkdir /out && sha256sum /work/new/binary >/out/sum
FROM ` + writesImage + `
COPY --from=build /out /app
COPY --from=build --chown=21:22 /work/new/a /work/new/set /work/new/binary /app/new/
RUN sha256sum /app/new/binary >>/app/sum
`,
	"user": `FROM ` + writesImage + `
RUN mkdir -p /home/user && chown 1000:1001 /home/user && chmod 2775 /home/user
WORKDIR /home/user
USER 1000:1001
RUN id -u >who && id -g >>who && mkdir own && echo mine >own/file && umask 077 && mkdir own/deeper && echo secret >own/secret
WORKDIR own/deeper
RUN cat ../file >copy; pwd >where
`,
	"copy": `FROM ` + writesImage + `
ENV GREETING=hello
COPY file dir/ /copied/
ADD added.tar /
ADD --chown=31:32 file /copied/owned
RUN chmod 4711 /copied/file && chown -R 1000:1000 /copied/inner && echo $GREETING >/copied/greeting && chmod 700 /added && /copied/inner/script >/copied/said
LABEL of=suite
EXPOSE 80
HEALTHCHECK --interval=30s CMD test -e /copied/greeting
ENTRYPOINT ["/copied/inner/script"]
CMD ["argument"]
`,
	"without-tmp": `FROM tmp-absent
RUN ["/bin/writer", "put", "/made/file"]
`,
	// gVisor's default: an empty /tmp is replaced by a new one in memory, in each step.
	"tmp": `FROM ` + writesImage + `
RUN echo one >/tmp/one && cat /tmp/one >/first
RUN cat /tmp/one >/second; echo two >/tmp/two; true
`,
	// A /tmp with files stays that of the image.
	"tmp-with-a-file": `FROM ` + writesImage + `
COPY file /tmp/.keep
RUN echo one >/tmp/one && cat /tmp/one >/first
RUN cat /tmp/one >/second; echo two >/tmp/two; rm /tmp/one; true
`,
}

// buildDifferences are the only differences from runc: the files of a build in an empty /tmp, and /tmp itself.
var buildDifferences = map[string][]string{
	"build without-tmp": {"+tmp/"},
	"build tmp":         {"~second", "~tmp/", "-tmp/one", "-tmp/two"},
}

// builds checks the images of the classic builder, which uses the default runtime.
func (o *writesObserver) builds(ctx context.Context) {
	var all sync.WaitGroup
	for name := range dockerfiles {
		all.Go(func() {
			o.see("build "+name, func() (fileTree, error) {
				r, err := o.host.Run(ctx, "sh", "-c", fmt.Sprintf("DOCKER_BUILDKIT=0 docker build --no-cache -t writes-%s:%s %s/%s", name, o.runtime, contextsInHost, name))
				if err != nil {
					return nil, err
				}
				if r.Code != 0 || !strings.Contains(r.Stdout, "Successfully built ") {
					return nil, fmt.Errorf("build %s: %s", name, r)
				}
				return o.image(ctx, "writes-"+name+":"+o.runtime)
			})
		})
	}
	all.Wait()
}
