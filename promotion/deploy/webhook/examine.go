package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// lookWhether is what to do about whoever does not answer.
const lookWhether = "look whether it runs, and can be reached from here"

// Examine says whether somebody answers where orders go, and whether what runs is
// said where that is asked. No order is given.
func (d *Deployer) Examine(ctx context.Context, o promotion.Order) []promotion.Diagnosis {
	found := []promotion.Diagnosis{d.examineService(ctx, o)}
	if d.opts.Running != "" {
		found = append(found, d.examineRunning(ctx, o))
	}
	return found
}

// examineService asks for the head of the host's first page, without a signature,
// and whatever is answered will do.
func (d *Deployer) examineService(ctx context.Context, o promotion.Order) promotion.Diagnosis {
	diagnosis := promotion.Diagnosis{About: fmt.Sprintf("%s in %s: the service", o.Target, o.Environment), Condition: promotion.Well}
	to, err := url.Parse(promotion.OrderTemplate(d.opts.URL).Fill(o, url.PathEscape))
	if err != nil {
		diagnosis.Condition, diagnosis.Says, diagnosis.Remedy = promotion.Ill, "its address makes no sense", "correct the url of the webhook"
		return diagnosis
	}
	root := url.URL{Scheme: to.Scheme, Host: to.Host, Path: "/"}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, root.String(), nil)
	if err != nil {
		return promotion.Diagnose(diagnosis.About, err, "")
	}
	req.Header.Set("User-Agent", d.opts.UserAgent)
	res, err := d.http.Do(req)
	if err != nil {
		diagnosis.Condition, diagnosis.Says, diagnosis.Remedy = promotion.Unexamined, fmt.Sprintf("%s can't be reached (%s)", to.Host, promotion.Line(strings.ToValidUTF8(cause(err).Error(), ""))), lookWhether
		if says, remedy, ok := lasts(to.Host, err, "url"); ok {
			diagnosis.Condition, diagnosis.Says, diagnosis.Remedy = promotion.Ill, says, remedy
		}
		return diagnosis
	}
	_ = res.Body.Close() // there is nothing in it
	switch res.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		diagnosis.Condition, diagnosis.Remedy = promotion.Unexamined, "look whether the service runs behind what answers for it"
		diagnosis.Says = fmt.Sprintf("%s answers for somebody who does not (%d)", to.Host, res.StatusCode)
	default:
		diagnosis.Says = to.Host + " answers; whether it takes orders is known when it gets one"
	}
	return diagnosis
}

// examineRunning asks what runs as it is asked when that is compared with what was
// promoted. Which digest is said does not matter: nothing is known of what should run.
func (d *Deployer) examineRunning(ctx context.Context, o promotion.Order) promotion.Diagnosis {
	about := fmt.Sprintf("%s in %s: what runs of %s", o.Target, o.Environment, o.App)
	for _, part := range []string{"{image}", "{digest}", "{promotion}"} {
		if strings.Contains(d.opts.Running, part) {
			return promotion.Diagnosis{About: about, Condition: promotion.Remarked, Says: "the address under running names " + part + ", so it can be asked only when something was promoted"}
		}
	}
	running, err := d.Running(ctx, o)
	if err == nil {
		return promotion.Diagnosis{About: about, Condition: promotion.Well, Says: fmt.Sprintf("it is said; places that it is said of: %d", len(running))}
	}
	diagnosis := promotion.Diagnose(about, err, `have the service answer there with {"running": [{"where": "web-1", "digest": "sha256:…", "count": 3}]}, or correct running of the webhook`)
	switch promotion.KindOf(err) {
	case promotion.NotFound: // a service may know an app only when it was told of it
		diagnosis.Condition, diagnosis.Remedy = promotion.Remarked, "correct running of the webhook, unless "+o.App+" was never deployed there"
	case promotion.Forbidden:
		diagnosis.Remedy = "give the service the secret that signed_with of the webhook names, and have both clocks set"
	case promotion.Unavailable:
		diagnosis.Remedy = lookWhether
		if to, parsed := url.Parse(d.opts.Running); parsed == nil {
			if says, remedy, ok := lasts(to.Host, err, "running"); ok {
				diagnosis.Condition, diagnosis.Says, diagnosis.Remedy = promotion.Ill, says, remedy
			}
		}
	}
	return diagnosis
}

// lasts says why nobody answers at an address that stands in the configuration under
// the key, where that stays as it is: a name that nobody has, and a certificate that
// is not to be believed. Anything else may be over in a minute.
func lasts(host string, err error, key string) (says, remedy string, ok bool) {
	if name, ok := errors.AsType[*net.DNSError](err); ok && name.IsNotFound {
		return "there is no host " + host, "correct the " + key + " of the webhook, or the name service of this machine", true
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Sprintf("the certificate of %s is not to be believed (%s)", host, promotion.Line(untrusted.Error())), "have it show a certificate for this name, from an authority that this machine trusts", true
	}
	return "", "", false
}
