# Everything on one page.


rule report_page:
    input:
        metrics=all_metrics(),
        models=all_models(),
        completeness=all_completeness(),
    output:
        page=report(REPORT, category="Report", caption="report/page.rst"),
        figures=report(
            directory(f"{RESULTS}/figures"),
            patterns=["{name}.svg"],
            category="Figures",
            caption="report/figure.rst",
            labels={"figure": "{name}"},
        ),
    log:
        f"{LOGS}/report_page.log",
    benchmark:
        f"{BENCHMARKS}/report_page.tsv"
    conda:
        "../envs/genescribe.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=30,
    params:
        script=script("report.py"),
        code=code("report.py"),
        title=CONFIG.title,
        options=LAYOUT.report_options(),
    shell:
        'python {params.script:q} --results "$(dirname {output.page:q})" --title {params.title:q} {params.options}'
        " --output {output.page:q} --figures {output.figures:q} 2> {log:q}"
