package promotion

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// What programs and services are given of an order. Its form is documented, and
// a field is never taken out or made to mean something else.

// Key identifies an order, in every attempt. One that is tried again after it has
// failed is another.
func (o Order) Key() string {
	key := fmt.Sprintf("%d/%s", o.Promotion, o.Target)
	if o.Retries > 0 {
		key += fmt.Sprintf("/%d", o.Retries+1)
	}
	return key
}

// Body is the order as JSON.
func (o Order) Body() []byte {
	b, err := json.Marshal(struct {
		Key         string     `json:"key"`
		Promotion   ID         `json:"promotion"`
		Attempt     int        `json:"attempt"`
		Purpose     Purpose    `json:"purpose"`
		App         string     `json:"app"`
		Environment string     `json:"environment"`
		Target      string     `json:"target"`
		Image       string     `json:"image"`
		Repository  Repository `json:"repository"`
		Digest      Digest     `json:"digest"`
		Manifests   []Digest   `json:"manifests,omitempty"`
		Previous    Digest     `json:"previous,omitempty"`
		Tags        []string   `json:"tags"`
		Approvers   []string   `json:"approvers"`
		Ordered     time.Time  `json:"ordered_at"`
		Deadline    time.Time  `json:"deadline"`
	}{o.Key(), o.Promotion, o.Attempt, o.Purpose, o.App, o.Environment, o.Target, o.Image(), o.Repository, o.Digest, o.Manifests, o.Previous, o.Tags, o.Approvers, o.OrderedAt.UTC(), o.Deadline.UTC()})
	if err != nil {
		panic("promotion: an order holds only texts and times, which always marshal: " + err.Error())
	}
	return b
}

// OrderTemplate is a text in which parts of an order stand between braces.
type OrderTemplate string

// ParseOrderTemplate checks a template. Its error is Invalid.
func ParseOrderTemplate(s string) (OrderTemplate, error) {
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		if _, ok := (Order{}).part(m[1]); !ok {
			return "", Errorf(Invalid, "{%s} means nothing here: there are {app}, {environment}, {target}, {image}, {digest} and {promotion}", clip(m[1]))
		}
	}
	return OrderTemplate(s), nil
}

// Fill makes the text for an order; each part goes through escape.
func (t OrderTemplate) Fill(o Order, escape func(string) string) string {
	return placeholder.ReplaceAllStringFunc(string(t), func(m string) string {
		part, _ := o.part(m[1 : len(m)-1])
		return escape(part)
	})
}

func (o Order) part(name string) (string, bool) {
	switch name {
	case "app":
		return o.App, true
	case "environment":
		return o.Environment, true
	case "target":
		return o.Target, true
	case "image":
		return o.Image(), true
	case "digest":
		return string(o.Digest), true
	case "promotion":
		return strconv.FormatInt(int64(o.Promotion), 10), true
	}
	return "", false
}
