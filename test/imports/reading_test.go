package imports

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// readers are the packages that look at a host and change nothing on it.
var readers = []string{"provision/audit", "provision/doctor", "provision/host", "provision/inventory", "provision/plan", "provision/checkup", "provision/naming"}

// effect classifies the exported functions and methods of one package: those
// that write to the host, dockerd or a directory given to them, and the others.
// A method has its type in front. Error, String and Unwrap are not listed.
type effect struct{ writes, reads string }

var effectsOf = map[string]effect{
	"provision/durable": {
		// CanReplace makes a temporary file and removes it.
		writes: "CanReplace MkdirAll Remove Rename RenameNew Symlink Sweep SyncDir WriteFile",
		reads:  "CannotReplace CannotWrite CheckOwn Digest EntriesOf HasCapabilities KindOf OpenDirIn OpenOwn OpenRegular Plain ReadLimited ReadOwn ReadProc Trusted TrustedBy",
	},
	"provision/twin": {
		writes: "Clear MoveAside Write",
		reads:  "Read",
	},
	"provision/state": {
		writes: "JournalStore.Finish Dir.Lock LockDaemon Dir.NoteMadeDir Dir.NoteRestart Dir.NoteTrial BeforeStore.NoteWritten JournalStore.Remove " +
			"Dir.Mend Dir.MendLock Dir.Seal Dir.SetAside BeforeStore.Settle BeforeStore.StartOver JournalStore.Begin Dir.Sweep BeforeStore.Write JournalStore.Write Dir.WriteLoaded " +
			"Dir.FirstOffered Dir.KeepArchiveKey Dir.NoteIndex KeyFile.Add KeyFile.Forget",
		reads: "Dir.ArchiveKey Dir.Indexes BuildProofKey Before.AfterRevert Before.AfterWrite Before.Clone Before.Key Before.Runtime BeforeKey.Matches " +
			"Dir.Links Dir.Stores JournalStore.BackupDir JournalStore.BackupText BeforeStore.Path Dir.Before Dir.Journal Dir.Defects Dir.Safe Dir.FailedRecoveries Dir.FailedRecoveryNames Dir.Failures " +
			"JournalStore.Path Dir.KnownProofs Dir.KnownRejections Dir.LastRestart Dir.LoadedPath Dir.MadeIDs Dir.Misplaced Dir.OnlyLock JournalStore.Open Dir.Proofs " +
			"BeforeStore.Read JournalStore.Read Dir.ReadLoaded Dir.Rejections Dir.Trials Dir.Unread Dir.Untrusted Dir.Validations KeyFile.Has KeyFile.Keys " +
			"Loaded.Hot PastProofKey ProofKey RejectionKey",
	},
	"provision/daemonfile": {
		writes: "CanReplace CheckReplaceable Place.Remove Place.Replace",
		reads:  "Await DirMissing File.Place LookReplace LookReplaceable Place.Matches Place.Text Read Unchanged",
	},
	"provision/release": {
		writes: "Checksum.Fetch Signed.Fetch TwoSources.Fetch Staged.Discard Store.Commit Store.End Store.Fetch Store.Mend Store.Remove Store.RemoveRecords " +
			"Store.Reinstate Store.RemoveLink Store.Restore Store.SetLink Store.SetWithdrawn Store.Sweep Store.SweepWithdrawn Store.Withdraw",
		reads: "Arch ComparePackage InEarlierStore Installed.FilesDir Installed.PackageFiles Installed.Satisfies Installed.TrustNote IntactOf IsOlder Label.Compare Label.Date Label.Satisfies LinkState.LeadsTo Newest NewestOf NewestSatisfying NewestUsable Package.URL " +
			"ParseLabel Placeholder PreviousOf Reinstated Signing.Pinned Spec.Exact Spec.Validate Store.Kept Staged.Name Staged.Origin State.Intact Store.Inspect Store.IntactFiles Store.LinkState Store.List " +
			"Store.ArchivesSafe Store.Owns Store.Safe Store.Touched Store.Verify Store.Withdrawn UsableOf Withdraw Withdrawn.Is Withdrawn.Reason Withdrawn.Satisfies",
	},
	"provision/images": {
		writes: "Dir.Drop Dir.Load Dir.Save Dir.Sweep",
		reads:  "ArchiveSize Dir.ArchivePath Dir.Waiting",
	},
	"provision/subid": {
		writes: "AddUser Edit.Apply Lock RemoveUser Sweep Write",
		reads: "AccountKey Allocate Append Clash Drop Find FormatSpans Free Grant.Complete Identities.MadeFor Identities.RemovalEdits Of Parse " +
			"ParseEntries ParseLimits RangeKey Source Taken Total",
	},
	"provision/engine": {
		// Moby is all of Docker's API.
		writes: "Client.LoadImages Client.Moby Client.SaveImages Client.Stop",
		reads: "Client.BuildCache Client.Close Client.Connected Client.Containers Client.Data Client.Events Client.ImageDigests " +
			"Client.Images Client.Info Client.Inspect Client.Lookup Client.Names Client.Networks Client.NotStarted Client.Plugins Client.ReloadedSince Client.Requested Client.Stored Client.VolumeOptions " +
			"Image.Name IsContainerID Open Plugin.Is",
	},
	"provision/buildkit": {
		writes: "Main RemoveState Run",
		reads: "Call.Argv Call.Bundle Call.IsForRunc Call.Starts Change.IsEmpty ClassicReason DropIn DropInNames Environment.Mentions " +
			"Environment.SearchWithout Environment.Uses EnvironmentOf Installed Look LookAtEnvironment ParseCall ParseSpec ProgramPath ReadText RunningEnvironment " +
			"Script SelfOf Spec.MountsTmp Spec.NetworkNamespace Spec.Readonly Spec.Refusal Spec.Root Spec.Sources Spec.WithTmp Wanted.Decide",
	},
	"provision/containerdir": {
		writes: "File.Apply File.ReplaceTail",
		reads:  "IsGone Open Root.Close Root.Dir Root.IDs Root.Open Root.Path Root.Read",
	},
	"provision/names": {
		writes: "Clear Keeper.Maintain",
		reads:  "Look",
	},
	"provision/trial": {
		writes: "Build.CreateUnstarted Build.End Build.RunStep Remove Start StartBuild Trial.End",
		reads:  "Trial.Changes Trial.Files Trial.Has Trial.Line",
	},
}

// osWrites are the functions of package os that change a file system.
const osWrites = "Chmod Chown Chtimes CopyFS Create CreateTemp Lchown Link Mkdir MkdirAll MkdirTemp OpenFile OpenRoot " +
	"Remove RemoveAll Rename Symlink Truncate WriteFile"

// harmless are selectors of readers that have the name of a writing method and
// are something else.
var harmless = map[string]string{
	"provision/doctor/facts.go Add":       "time.Time.Add",
	"provision/host/authorization.go Add": "time.Time.Add",
	"provision/host/loaded.go Add":        "time.Time.Add",
}

// A method counts by its name alone, whatever its receiver: a value of an
// interface or of a type that embeds another one is no way around the test.
func TestReadersNameNoWriter(t *testing.T) {
	functions := map[string][]string{"os": strings.Fields(osWrites)}
	var methods []string
	for pkg, e := range effectsOf {
		for _, name := range strings.Fields(e.writes) {
			if _, method, ok := strings.Cut(name, "."); ok {
				methods = append(methods, method)
			} else {
				functions[module+pkg] = append(functions[module+pkg], name)
			}
		}
	}
	met := map[string]bool{}
	for _, pkg := range readers {
		for file, parsed := range parseDir(t, pkg) {
			imported := map[string]string{}
			for _, spec := range parsed.Imports {
				from, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				name := path.Base(from)
				if spec.Name != nil {
					name = spec.Name.Name
				}
				if name == "." {
					t.Errorf("%s imports %s with a dot, which hides what it names", file, from)
				}
				imported[name] = from
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				selector, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				name := selector.Sel.Name
				// A variable of a package's name has an object; the package has none.
				if x, ok := selector.X.(*ast.Ident); ok && x.Obj == nil && imported[x.Name] != "" {
					if slices.Contains(functions[imported[x.Name]], name) {
						t.Errorf("%s names %s.%s, which writes", file, x.Name, name)
					}
					// Type.Method is a selector of a selector, and below.
					return true
				}
				if key := file + " " + name; harmless[key] != "" {
					met[key] = true
				} else if slices.Contains(methods, name) {
					t.Errorf("%s names a method %s, which writes", file, name)
				}
				return true
			})
		}
	}
	for key := range harmless {
		if !met[key] {
			t.Errorf("%s: is not named: remove it from harmless", key)
		}
	}
}

// The commands and the daemon know the errors of a transaction. Only provision, which holds
// the lock, changes Docker by one.
func TestOnlyProvisionBeginsATransaction(t *testing.T) {
	const transaction = "provision/transaction"
	harmless := []string{
		"DockerChanged", "DockerDown", "DockerRestored", "DockerStopped", "ErrBusy", "ErrOutcomeUnknown", "ErrStartLimit",
		"FileChanged", "FileForeign", "FileMerged", "FileOld", "Jobs", "Left", "RolledBack",
	}
	for pkg, row := range allowed {
		if pkg == "provision" || !slices.Contains(row.ours, transaction) {
			continue
		}
		for file, parsed := range parseDir(t, pkg) {
			ast.Inspect(parsed, func(n ast.Node) bool {
				selector, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := selector.X.(*ast.Ident); ok && x.Name == "transaction" && !slices.Contains(harmless, selector.Sel.Name) {
					t.Errorf("%s names transaction.%s, and only provision may", file, selector.Sel.Name)
				}
				return true
			})
			for _, spec := range parsed.Imports {
				if spec.Path.Value == strconv.Quote(module+transaction) && spec.Name != nil {
					t.Errorf("%s imports %s by another name, which hides what it names", file, transaction)
				}
			}
		}
	}
}

func TestEveryFunctionIsReadingOrWriting(t *testing.T) {
	for pkg, e := range effectsOf {
		listed := map[string]int{}
		for _, name := range strings.Fields(e.writes + " " + e.reads) {
			listed[name]++
		}
		declared := map[string]bool{}
		for _, parsed := range parseDir(t, pkg) {
			for _, decl := range parsed.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Name.IsExported() {
					if name := nameOf(f); name != "" {
						declared[name] = true
					}
				}
			}
		}
		for name := range declared {
			if listed[name] != 1 {
				t.Errorf("%s: %s is listed %d times, want once, as reading or as writing", pkg, name, listed[name])
			}
		}
		for name := range listed {
			if !declared[name] {
				t.Errorf("%s: %s does not exist: remove it from effectsOf", pkg, name)
			}
		}
	}
}

// nameOf returns "Function" or "Type.Method", and "" for a method that callers
// cannot reach by its type's name, or of an error or a fmt.Stringer.
func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	typ, ok := receiver.(*ast.Ident)
	if !ok || !typ.IsExported() || slices.Contains([]string{"Error", "String", "Unwrap"}, f.Name.Name) {
		return ""
	}
	return typ.Name + "." + f.Name.Name
}

// parseDir gives the non-test files of a package of ours, by their path in the
// module.
func parseDir(t *testing.T, pkg string) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pkg), "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d files, error %v", pkg, len(names), err)
	}
	files := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[pkg+"/"+filepath.Base(name)] = parsed
	}
	return files
}
