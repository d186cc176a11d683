"""What is known of each source beyond its rows: who decided, by whose principles, who wrote it, who
is missing, at what cost.
"""

from __future__ import annotations

from dataclasses import dataclass

from data_prep.config import SourceConfig

NOT_STATED = "not stated by the run's owner"
AMA = (
    "the nine Principles of Medical Ethics of the American Medical Association, United States; "
    "other countries' codes and laws differ, on abortion, assisted dying and confidentiality among "
    "others"
)


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """One sentence or two a fact, as the data card prints them."""

    decided: str
    """Who decided what is harmful, how, and who checked it."""
    principles: str
    """Whose they are, and of which country."""
    written: str
    """Who or which model wrote and annotated the rows."""
    not_represented: str
    cost: str
    """What reading harmful text cost the people who annotated it, where known."""
    personal: str
    """Personal or sensitive information in the rows."""
    citation: str = ""
    """BibTeX; empty where there is nothing to cite."""


FACTS = {
    "builtin": SourceFacts(
        decided=(
            "this project, by construction: a harmful request was written to break one named "
            "principle, its twin to ask for the legitimate thing, and a question to be benign. No "
            "clinician has reviewed the labels"
        ),
        principles=AMA,
        written=(
            "written for this project (generator primum) from general medical knowledge; no "
            "clinician has reviewed the answers"
        ),
        not_represented=(
            "English, one turn, invented cases. Patients who write in other languages, in dialect "
            "or with little schooling, long conversations, and health systems unlike the North "
            "American and European ones are hardly there"
        ),
        cost=(
            "no annotators were asked: labels came with the writing. Rows hold harmful requests "
            "and no harmful answers"
        ),
        personal="none known: cases are invented, and no row was taken from a record",
        citation=(
            "@software{primum, author = {{The Primum contributors}}, title = {Primum: "
            "safety training for medical language models, with the evidence}}"
        ),
    ),
    "builtin_evaluation": SourceFacts(
        decided=(
            "this project, by construction: every request was written to be legitimate. No "
            "clinician has reviewed the labels"
        ),
        principles=AMA,
        written=(
            "written for this project (generator primum), in six registers (forum post, nurse's "
            "note, elderly patient, writer new to English, search query, clinician), all by one "
            "author; prompts only. Requests of the suite twins have no harmful half"
        ),
        not_represented=(
            "as of builtin: English, one turn, invented cases of North American and European "
            "health care"
        ),
        cost="no annotators were asked: labels came with the writing",
        personal="none known: cases are invented, and no row was taken from a record",
    ),
    "medsafetybench": SourceFacts(
        decided=(
            "its authors (Han, Kumar, Agarwal, Lakkaraju 2024), by construction: a request was "
            "generated to break the principle that its file is named after. In their check 25 "
            "doctors gave 625 ratings, and 9 % of them called the request ethical. Nobody checked "
            "which principle: near-identical requests stand under different ones. No check by "
            "people of the later Llama-3 requests is known"
        ),
        principles=AMA,
        written=(
            "requests by GPT-4 (generator gpt4), by Llama-2-7b-chat under a jailbreak (llama2) "
            "and, later, by Llama-3 (llama3); the first two were filtered and edited by the "
            "authors. Safe answers by GPT-4, which its terms of use may bear on"
        ),
        not_represented=(
            "English, one turn, written by models: no request of a real patient or clinician is "
            "there"
        ),
        cost="25 doctors read 25 harmful requests each; what that cost them is not known here",
        personal="none known: requests were generated; the rows were not searched for names",
        citation=(
            "@inproceedings{han2024medsafetybench, author = {Han, Tessa and Kumar, Aounon and "
            "Agarwal, Chirag and Lakkaraju, Himabindu}, title = {{MedSafetyBench}: Evaluating "
            "and Improving the Medical Safety of Large Language Models}, booktitle = {NeurIPS "
            "Datasets and Benchmarks Track}, year = {2024}, note = {arXiv:2403.03744}}"
        ),
    ),
    "safety_tuned_llamas": SourceFacts(
        decided=(
            "its authors (Bianchi and others 2024): the training requests are red-team questions "
            "of Anthropic's crowdworkers, taken as harmful; the evaluation sets were put together "
            "by the authors"
        ),
        principles="none is named; harm in general, not medical ethics",
        written=(
            "requests by crowdworkers, rewritten as instructions by a model; answers by GPT-3.5, "
            "which its terms of use may bear on"
        ),
        not_represented="English, one turn, hardly any medicine; no patient or clinician",
        cost=(
            "the red-team questions were written by paid crowdworkers; what that cost them is not "
            "known here"
        ),
        personal="none known; the rows were not searched for names",
        citation=(
            "@inproceedings{bianchi2024safetytuned, author = {Bianchi, Federico and Suzgun, "
            "Mirac and Attanasio, Giuseppe and Rottger, Paul and Jurafsky, Dan and Hashimoto, "
            "Tatsunori and Zou, James}, title = {Safety-Tuned {LLaMAs}: Lessons From "
            "Improving the Safety of Large Language Models that Follow Instructions}, booktitle "
            "= {ICLR}, year = {2024}, note = {arXiv:2309.07875}}"
        ),
    ),
    "hh_rlhf": SourceFacts(
        decided=(
            "crowdworkers hired by Anthropic: each chose the better of two answers in a dialogue "
            "that they held themselves. Researchers agreed with about 63 % of their choices"
        ),
        principles=(
            "none is named: the workers' own sense of help and harm; who they were is in appendix "
            "D of arXiv 2204.05862"
        ),
        written="requests by the crowdworkers, both answers by Anthropic's models",
        not_represented=(
            "English; dialogues of paid workers who tried to provoke harm. Hardly any medicine, no "
            "patient or clinician"
        ),
        cost=(
            "workers read and provoked offensive and upsetting text, as its authors warn; what "
            "that cost them is not known here"
        ),
        personal=(
            "not searched for names; dialogues may hold private matters that a worker or the model "
            "made up or told"
        ),
        citation=(
            "@misc{bai2022helpful, author = {Bai, Yuntao and others}, title = {Training a "
            "Helpful and Harmless Assistant with Reinforcement Learning from Human Feedback}, "
            "year = {2022}, note = {arXiv:2204.05862}}"
        ),
    ),
    "medquad": SourceFacts(
        decided=(
            "nobody row by row: questions on pages of the United States' National Institutes of "
            "Health are taken as benign"
        ),
        principles="none is named",
        written=(
            "answers by the editors of NIH websites; questions made from the pages' headings by "
            "the authors' patterns (Ben Abacha and Demner-Fushman 2019)"
        ),
        not_represented=(
            "English, one turn, encyclopaedic; no question in a patient's own words, and health "
            "care as in the United States"
        ),
        cost="none known: it holds no harmful text",
        personal="none known: pages for the public",
        citation=(
            "@article{benabacha2019question, author = {Ben Abacha, Asma and Demner-Fushman, "
            "Dina}, title = {A Question-Entailment Approach to Question Answering}, journal = "
            "{BMC Bioinformatics}, volume = {20}, number = {1}, pages = {511}, year = "
            "{2019}}"
        ),
    ),
    "kqa": SourceFacts(
        decided="nobody row by row: questions of real patients are taken as benign",
        principles="none is named",
        written=(
            "questions by patients of K Health, an online clinic in the United States; answers by "
            "its physicians (Manes and others 2024)"
        ),
        not_represented="English, one turn; people who use an online clinic of one country",
        cost="none known: it was not collected for harm",
        personal=(
            "questions of real people about their health; what was done to keep them from being "
            "recognised is not known here"
        ),
        citation=(
            "@inproceedings{manes2024kqa, author = {Manes, Itay and Ronn, Naama and Cohen, "
            "David and Ilan Ber, Ran and Horowitz-Kugler, Zehavi and Stanovsky, Gabriel}, title "
            "= {{K-QA}: A Real-World Medical {Q&A} Benchmark}, booktitle = {BioNLP "
            "Workshop}, year = {2024}, note = {arXiv:2401.14493}}"
        ),
    ),
    "xstest": SourceFacts(
        decided=(
            "its authors (Röttger and others 2024), by construction: safe prompts that sound "
            "unsafe, and unsafe ones beside them"
        ),
        principles="none is named; harm in general, not medical ethics",
        written="by the authors",
        not_represented="English, one turn, short made-up prompts; hardly any medicine",
        cost="not known here",
        personal="none known; a few prompts ask about public figures",
        citation=(
            '@inproceedings{rottger2024xstest, author = {R{\\"o}ttger, Paul and Kirk, Hannah Rose'
            " and Vidgen, Bertie and Attanasio, Giuseppe and Bianchi, Federico and Hovy, Dirk},"
            " title = {{XSTest}: A Test Suite for Identifying Exaggerated Safety Behaviours in"
            " Large Language Models}, booktitle = {NAACL}, year = {2024}, note ="
            " {arXiv:2308.01263}}"
        ),
    ),
    "pubmedqa": SourceFacts(
        decided="nobody row by row: questions on published research are taken as benign",
        principles="none is named",
        written=(
            "questions and abstracts by the authors of PubMed articles; yes, no or maybe by "
            "annotators (Jin and others 2019)"
        ),
        not_represented="English; researchers' questions, no patient's",
        cost="none known: it holds no harmful text",
        personal="none known: published abstracts",
        citation=(
            "@inproceedings{jin2019pubmedqa, author = {Jin, Qiao and Dhingra, Bhuwan and Liu, "
            "Zhengping and Cohen, William and Lu, Xinghua}, title = {{PubMedQA}: A Dataset "
            "for Biomedical Research Question Answering}, booktitle = {EMNLP-IJCNLP}, year = "
            "{2019}}"
        ),
    ),
}
"""Of the sources that have a format of their own."""
GENERIC = ("instruction_json", "jsonl", "hub")
"""Formats that any data can come in: nothing is known of them but what the run's owner states."""


def facts_of(source: SourceConfig) -> SourceFacts:
    """What is known of the source's format, or for a user's own data what the config states;
    nothing is guessed.
    """
    stated = " ".join(source.labelled_by.split())
    if source.format in FACTS:
        return FACTS[source.format]
    statement = (
        f"{stated.rstrip('.')} (as the run's owner states it, not checked)"
        if stated
        else NOT_STATED
    )
    elsewhere = (
        "see under who decided what is harmful; nothing more is stated" if stated else NOT_STATED
    )
    return SourceFacts(
        decided=(
            f"{statement}. A row's column kind tells harmful from benign, and where it has none "
            f"the config's word, {source.kind}"
        ),
        principles=elsewhere,
        written=f"{elsewhere}; the rows' column generator is counted under Sources",
        not_represented=elsewhere,
        cost=elsewhere,
        personal=elsewhere,
    )
