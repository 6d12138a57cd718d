package demo

import (
	"context"
	_ "embed" // for the panel
	"fmt"
	"html/template"
	"strings"
)

//go:embed panel.html
var panelHTML string

var panelTemplate = template.Must(template.New("").Parse(panelHTML))

// row is a tag and what the registry says of it.
type row struct {
	Name, Tag, Digest, Version, Fault string
}

type shown struct {
	Name string
	Rows []row
	Same bool
}

func (d *demo) panel(ctx context.Context) template.HTML {
	var data struct {
		Host string
		Apps []shown
	}
	data.Host = d.host
	for _, a := range d.apps {
		s := shown{Name: a.name}
		for _, tag := range []string{stagingTag, productionTag} {
			digest, err := a.digest(ctx, tag)
			r := row{Tag: tag, Name: a.repo.Tag(tag).Name(), Digest: digest}
			if err != nil {
				r.Fault = err.Error()
			}
			s.Rows = append(s.Rows, r)
		}
		s.Same = s.Rows[0].Digest == s.Rows[1].Digest
		data.Apps = append(data.Apps, s)
	}
	var b strings.Builder
	if err := panelTemplate.Execute(&b, data); err != nil {
		return template.HTML(template.HTMLEscapeString(err.Error())) //nolint:gosec // escaped
	}
	return template.HTML(b.String()) //nolint:gosec // html/template has escaped what is foreign
}

func (d *demo) push(ctx context.Context, name string) error {
	for _, a := range d.apps {
		if a.name == name {
			return a.push(ctx)
		}
	}
	return fmt.Errorf("there is no app %q", name)
}
