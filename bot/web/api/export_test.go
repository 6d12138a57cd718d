package api

// Paths are the methods and paths that are answered.
func Paths() map[string][]string {
	all := map[string][]string{}
	for _, r := range routes() {
		all[r.path] = append(all[r.path], r.method)
	}
	return all
}
