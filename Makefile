# make book          build the pages into _build/html, check them, and say where they are
# make test          unit tests, doctests and every notebook, executed and compared
# make run           execute the notebooks in place
# make lint          ruff over Python files and notebooks
# make check-site    valid HTML (needs Java); in Chromium: accessible, light, quick; figures that move; search
# make check-downloads  install and run each notebook as a reader who downloaded it; needs the package index
# make pdf           print the book into _build/policy-gradients-checked.pdf (needs Chromium)
# make test-old-cpu  make test as on an older processor
# make bench         CPU time beside PyTorch, Stable-Baselines3, JAX and C, in benchmarks/.venv (1.5 GB); 15 minutes
# make lock          find newer versions for requirements.txt (needs uv)
# make clean         remove what was built; .venv stays
#
# Each target first sees to .venv, which takes 0.1 s once it is made. Another Python: make book PYTHON=python3.12

PYTHON ?= python3

.PHONY: book test run lint check-site check-downloads pdf test-old-cpu bench lock clean env

# From scratch each time: Sphinx would not repeat the warnings of pages that it does not read again.
book: env
	rm -rf _build/html _build/.doctrees
	.venv/bin/jupyter-book build . -W -n --keep-going -q
	.venv/bin/python tools/check_html.py _build/html
	@echo "Open _build/html/book/intro.html"
	@.venv/bin/python -c "import pathlib; print(pathlib.Path('_build/html/book/intro.html').resolve().as_uri())"

test: env
	.venv/bin/python -m pytest -n 2 --dist loadfile

run: env
	.venv/bin/python tools/nb.py run

lint: env
	.venv/bin/ruff check
	.venv/bin/ruff format --check

check-site: book
	.venv/bin/python tools/check_valid.py _build/html
	.venv/bin/python tools/check_site.py _build/html
	.venv/bin/python tools/check_explorables.py _build/html
	.venv/bin/python tools/check_search.py _build/html

check-downloads: book
	.venv/bin/python tools/check_downloads.py _build/html

pdf: env
	rm -rf _build/singlehtml _build/.doctrees
	.venv/bin/jupyter-book build . --builder singlehtml -W -n --keep-going -q
	.venv/bin/python tools/check_html.py _build/singlehtml
	.venv/bin/python tools/pdf.py _build/singlehtml _build/policy-gradients-checked.pdf

test-old-cpu: env
	.venv/bin/python tools/old_cpu.py

bench: env
	.venv/bin/python -m benchmarks.corridor
	.venv/bin/python -m benchmarks.run

lock:
	uv pip compile --universal --fork-strategy fewest --python-version 3.11 --all-extras pyproject.toml -o requirements.txt \
	  --upgrade --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

clean:
	rm -rf _build build *.egg-info .pytest_cache .ruff_cache

env:
	@$(PYTHON) tools/env.py
