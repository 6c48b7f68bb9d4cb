package download

// Stage is a stage of a longer work. A download has one.
type Stage string

// StageDownload is that of a Downloader.
const StageDownload Stage = "download"

// Progress is reported when a file is asked for, then at least every second while data
// arrives, and at the end of the file. Done is Total at the end only.
type Progress struct {
	Stage Stage
	File  string // base name
	Done  int64  // bytes
	Total int64  // bytes; -1 if unknown
}
