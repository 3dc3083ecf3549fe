// SPDX-License-Identifier: GPL-2.0
/* Words that say how a question is asked, not what it is about. */
#include <string.h>

#include "tools/vexctl/vexctl.h"

/* English, German, French, Spanish, Italian: the most frequent articles, pronouns, auxiliaries, question words. */
static const char words[] =
	" a about above after again against all also am an and any are as at be been before between but by can could did do does during for from had "
	"has have he her his how i if in into is it its may me my no not of on or our she should so some than through under until "
	"that the their them then there these they this to up us was we were what when where which while who why will within without "
	"with would you your "
	"aber als am an auch auf aus bei bin bis das dass dem den der des die dies du ein eine einem einen einer "
	"er es für haben hat ich ihr im in ist ja kann man mein mit nach nicht noch nur oder sein sich sie sind "
	"so um und uns vom von war was wenn wer wie wir wird wo zu zum zur "
	"au aux avec ce ces cette comment dans de des du elle en est et eux il ils je la le les leur lui ma mais "
	"mon ne nous on ou où par pas pour qu que qui quoi sa ses son sont sur ta te tu un une vous "
	"al como con cuando de del el ella en es esta este la las lo los más muy no o para pero por qué que se "
	"si sin su sus un una y yo "
	"che chi ci come con da dal del della di e gli ha il io lo mi nel non per più quale se si sono sul tra "
	"una uno ";

bool is_function_word(const char *word, size_t len)
{
	const char *p = words;

	if (len > 8)
		return false;
	while ((p = memmem(p, strlen(p), word, len))) {
		if (p[-1] == ' ' && p[len] == ' ')
			return true;
		p += len;
	}
	return false;
}
