{{- define "gateway.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 56 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 56 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "gateway.chosen" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gateway.labels" -}}
{{ include "gateway.chosen" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "gateway.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* Drain, then what the gateway itself adds (5 s for last words, 5 s of grace), and a little. */ -}}
{{- define "gateway.grace" -}}
{{- add (int .Values.drain.delay) (int .Values.drain.timeout) (int .Values.drain.writeTimeout) 20 -}}
{{- end -}}

{{- define "gateway.toml" -}}
{{- if regexMatch "(?m)^[ \\t]*\\[(server|admin)\\]" .Values.config -}}
{{- fail "config: [server] and [admin] are written by the chart; say what you want in drain, workers, serverExtra and admin" -}}
{{- end -}}
[server]
host = "0.0.0.0"
port = 4000
workers = {{ int .Values.workers }}
drain_delay = {{ int .Values.drain.delay }}.0
drain_timeout = {{ int .Values.drain.timeout }}.0
write_timeout = {{ int .Values.drain.writeTimeout }}.0
{{- with .Values.serverExtra }}
{{ . | trim }}
{{- end }}

[admin]
{{- if .Values.admin.enabled }}
host = "0.0.0.0"
port = 4001
key = { env = "GATEWAY_ADMIN_KEY" }
{{- else }}
port = 0
{{- end }}

{{ .Values.config | trim }}
{{- end -}}
