package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
)

const (
	keyPeople     = "people"
	examplePeople = "people: {ann: [U0ANN, U0ANN2, ann@example.com]}"
)

// mailAddress is one of e-mail, or the number of an account of GitHub, which does
// not change hands as its name does.
var mailAddress = regexp.MustCompile(`^[^\s@<>()"'=:,;]+@[^\s@<>()"'=:,;]+$|^github:[0-9]+$`)

// people reads which accounts and addresses are one person's. The name is for
// whoever reads the file: Slack knows nothing of it.
func (r *reader) people(in map[string]strict.Pair) promotion.Identities {
	all := promotion.Identities{Accounts: map[promotion.PersonID]promotion.PersonID{}, Addresses: map[string]promotion.PersonID{}}
	p, ok := in[keyPeople]
	if !ok {
		return all
	}
	pairs, _ := r.Pairs(p.Value, keyPeople, examplePeople)
	of := map[string]string{}
	for _, p := range pairs {
		r.name(p.At, p.Key)
		items, ok := r.Texts(p.Value, "the person "+p.Key, "[U0ANN, U0ANN2, ann@example.com]")
		if ok && len(items) == 0 {
			r.Fault(p.Value, fmt.Sprintf("%s has neither an account nor an address", p.Key), "name what belongs to the person, such as [U0ANN, ann@example.com], or take the person out")
		}
		r.person(p, of, all)
	}
	return all
}

func (r *reader) person(p strict.Pair, of map[string]string, all promotion.Identities) {
	items, _ := r.Texts(p.Value, "the person "+p.Key, "")
	var accounts []promotion.PersonID
	var addresses []string
	for _, item := range items {
		text, ok := r.Text(item, "what belongs to "+p.Key)
		if !ok {
			continue
		}
		account, mail := userID.MatchString(text), strings.ToLower(text)
		switch m := mention.FindStringSubmatch(text); {
		case m != nil:
			r.Fault(item, fmt.Sprintf("%q is a mention, not an id", strict.Clip(text)), "write the bare id: "+m[1])
			continue
		case !account && !mailAddress.MatchString(text):
			r.Fault(item, fmt.Sprintf("%q is neither an account (U…) nor an e-mail address or github: and a number", strict.Clip(text)), whereIDs)
			continue
		case of[mail] != "":
			r.Fault(item, fmt.Sprintf("%q belongs to %s already", strict.Clip(text), of[mail]), "keep one of the two: an account is one person's")
			continue
		}
		of[mail] = p.Key
		if account {
			accounts = append(accounts, promotion.PersonID(text))
		} else {
			addresses = append(addresses, mail)
		}
	}
	first := promotion.PersonID("")
	for _, account := range accounts {
		first = accounts[0]
		all.Accounts[account] = first
	}
	for _, mail := range addresses {
		all.Addresses[mail] = first
	}
}
