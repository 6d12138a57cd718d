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

// Examine says whether somebody answers where orders go. No order is given: the
// head of the host's first page is asked for, without a signature, and whatever is
// answered will do.
func (d *Deployer) Examine(ctx context.Context, o promotion.Order) []promotion.Diagnosis {
	diagnosis := promotion.Diagnosis{About: fmt.Sprintf("%s in %s: the service", o.Target, o.Environment), Condition: promotion.Well}
	to, err := url.Parse(promotion.OrderTemplate(d.opts.URL).Fill(o, url.PathEscape))
	if err != nil {
		diagnosis.Condition, diagnosis.Says, diagnosis.Remedy = promotion.Ill, "its address makes no sense", "correct the url of the webhook"
		return []promotion.Diagnosis{diagnosis}
	}
	root := url.URL{Scheme: to.Scheme, Host: to.Host, Path: "/"}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, root.String(), nil)
	if err != nil {
		return []promotion.Diagnosis{promotion.Diagnose(diagnosis.About, err, "")}
	}
	req.Header.Set("User-Agent", d.opts.UserAgent)
	res, err := d.http.Do(req)
	if err != nil {
		diagnosis.Condition, diagnosis.Says, diagnosis.Remedy = unanswered(to.Host, err)
		return []promotion.Diagnosis{diagnosis}
	}
	_ = res.Body.Close() // there is nothing in it
	switch res.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		diagnosis.Condition, diagnosis.Remedy = promotion.Unexamined, "look whether the service runs behind what answers for it"
		diagnosis.Says = fmt.Sprintf("%s answers for somebody who does not (%d)", to.Host, res.StatusCode)
	default:
		diagnosis.Says = to.Host + " answers; whether it takes orders is known when it gets one"
	}
	return []promotion.Diagnosis{diagnosis}
}

// unanswered says why nobody answers. A name that nobody has and a certificate that
// is not to be believed stay as they are; the rest may be over in a minute.
func unanswered(host string, err error) (c promotion.Condition, says, remedy string) {
	if name, ok := errors.AsType[*net.DNSError](err); ok && name.IsNotFound {
		return promotion.Ill, "there is no host " + host, "correct the url of the webhook, or the name service of this machine"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return promotion.Ill, fmt.Sprintf("the certificate of %s is not to be believed (%s)", host, promotion.Line(cause(err).Error())), "have it show a certificate for this name, from an authority that this machine trusts"
	}
	return promotion.Unexamined, fmt.Sprintf("%s can't be reached (%s)", host, promotion.Line(strings.ToValidUTF8(cause(err).Error(), ""))), "look whether it runs, and can be reached from here"
}
