# Brownout as a container: docker build -t brownout . && docker run --rm brownout faults
# In the place of Toxiproxy's: docker build --target toxiproxy -t toxiproxy .
FROM python:3.13-slim AS build
COPY . /src
RUN pip wheel --no-cache-dir --wheel-dir /wheels /src

FROM python:3.13-slim AS installed
COPY --from=build /wheels /wheels
# The wheels are those of the stage before, so there is one version of each.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --no-index --find-links /wheels brownout \
    && rm -rf /wheels \
    && useradd --create-home --uid 10001 brownout \
    && printf '#!/bin/sh\nexec brownout toxiproxy "$@"\n' > /toxiproxy \
    && printf '#!/bin/sh\nexec python -m brownout.cli.toxiproxy_cli "$@"\n' > /toxiproxy-cli \
    && chmod 755 /toxiproxy /toxiproxy-cli
# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /home/brownout
EXPOSE 8474
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["brownout", "status"]

FROM installed AS toxiproxy
ENV LOG_LEVEL=info
ENTRYPOINT ["/toxiproxy"]
CMD ["-host=0.0.0.0"]

FROM installed
# Inside a container loopback is out of reach, so the API listens on all interfaces: publish it on 127.0.0.1 alone.
ENV BROWNOUT_API=0.0.0.0:8474
ENTRYPOINT ["brownout"]
CMD ["run"]
